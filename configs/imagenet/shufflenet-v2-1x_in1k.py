# ShuffleNet V2 1x as published by megvii: top-1 error 30.6 % (paper, Table 8 and megvii).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=1.0, down_unit='keep', shuffle='even_odd'))
