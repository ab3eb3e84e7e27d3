# ShuffleNet V1 0.5x, 3 groups: top-1 error 43.2 % (paper, Table 2), 42.7 % (megvii).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(groups=3, widen_factor=0.5, width_rule='paper', stem_rule='megvii'),
    head=dict(in_channels=480),
)
