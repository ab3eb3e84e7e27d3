# ShuffleNet V1 0.75x, 3 groups: top-1 error 38.2 % (pytorchcv).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(groups=3, widen_factor=0.75, width_rule='paper'), head=dict(in_channels=720))
