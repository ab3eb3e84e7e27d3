# ShuffleNet V2 2x with stride-2 units of two halves, as in torchvision: top-1 76.23 % (torchvision).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=2.0), head=dict(in_channels=2048))
