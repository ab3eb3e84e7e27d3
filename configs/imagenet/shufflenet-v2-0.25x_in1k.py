# ShuffleNet V2 0.25x as in PaddleClas: top-1 49.90 % (PaddleClas).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=0.25), head=dict(in_channels=512))
