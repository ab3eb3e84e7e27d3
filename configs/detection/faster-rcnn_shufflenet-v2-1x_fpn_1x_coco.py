_base_ = './_base_/faster_rcnn_v2.py'
