_base_ = './_base_/retinanet_v2.py'

model = dict(backbone=dict(widen_factor=1.5))
