_base_ = './_base_/faster_rcnn_v2.py'

model = dict(backbone=dict(widen_factor=0.5), neck=dict(in_channels=[24, 48, 96, 192]))
