# ShuffleNet V2 2x as published by megvii: top-1 error 25.1 % (paper, Table 8), 25 % (megvii).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=2.0, down_unit='keep', shuffle='even_odd'), head=dict(in_channels=2048))
