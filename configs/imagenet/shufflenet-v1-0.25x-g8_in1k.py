# ShuffleNet V1 0.25x, 8 groups: top-1 error 52.7 % (paper, Table 2).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(groups=8, widen_factor=0.25, width_rule='paper'), head=dict(in_channels=384))
