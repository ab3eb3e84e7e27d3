_base_ = './_base_/retinanet_v1.py'
