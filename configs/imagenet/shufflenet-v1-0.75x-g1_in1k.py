# ShuffleNet V1 0.75x, 1 group: top-1 error 39.58 % (pytorchcv).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(groups=1, widen_factor=0.75, width_rule='paper'), head=dict(in_channels=432))
