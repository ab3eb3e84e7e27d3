_base_ = './_base_/retinanet_v1.py'

model = dict(backbone=dict(widen_factor=2.0), neck=dict(in_channels=[480, 960, 1920]))
