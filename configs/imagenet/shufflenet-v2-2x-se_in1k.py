# ShuffleNet V2 2x with squeeze-and-excitation: top-1 error 24.6 % (paper, Table 8).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=2.0, down_unit='keep', shuffle='even_odd', se=True),
    head=dict(in_channels=2048),
)
