_base_ = './_base_/faster_rcnn_v2.py'

model = dict(backbone=dict(widen_factor=2.0), neck=dict(in_channels=[24, 244, 488, 976]))
