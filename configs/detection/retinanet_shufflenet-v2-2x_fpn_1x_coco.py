_base_ = './_base_/retinanet_v2.py'

model = dict(backbone=dict(widen_factor=2.0), neck=dict(in_channels=[244, 488, 976]))
