# megvii's whole recipe, published with V2 2x, dropout of its own: top-1 error 25.0 % (megvii's README; paper 25.1 %).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_megvii.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=2.0, down_unit='keep', shuffle='even_odd'),
    neck=dict(type='shufflenet_zoo.GlobalAveragePooling', dropout=0.2),
    head=dict(in_channels=2048),
)
