# ShuffleNet V1 0.5x, 2 groups: top-1 error 44.4 % (paper, Table 2).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(groups=2, widen_factor=0.5, width_rule='paper'), head=dict(in_channels=400))
