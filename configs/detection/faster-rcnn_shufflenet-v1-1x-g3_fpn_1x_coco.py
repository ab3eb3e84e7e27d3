_base_ = './_base_/faster_rcnn_v1.py'
