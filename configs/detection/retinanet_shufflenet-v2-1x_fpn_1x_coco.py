_base_ = './_base_/retinanet_v2.py'
