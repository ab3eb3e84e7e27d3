# ShuffleNet V1 2x, 8 groups: top-1 error 27.1 % (megvii).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(groups=8, widen_factor=2.0, width_rule='paper', stem_rule='megvii'),
    head=dict(in_channels=3072),
)
