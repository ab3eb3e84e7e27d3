# SE-ShuffleNet V2-164 with residuals: top-1 error 18.56 % (paper, Table 6).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(depth=164, down_unit='keep', shuffle='even_odd', se=True, residual=True),
    head=dict(in_channels=2048),
)
