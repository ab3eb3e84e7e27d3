# ShuffleNet V2 0.33x as in PaddleClas: top-1 53.73 % (PaddleClas).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=0.33), head=dict(in_channels=512))
