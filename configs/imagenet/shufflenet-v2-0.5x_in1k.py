# ShuffleNet V2 0.5x as published by megvii: top-1 error 39.7 % (paper, Table 8), 38.9 % (megvii).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=0.5, down_unit='keep', shuffle='even_odd'))
