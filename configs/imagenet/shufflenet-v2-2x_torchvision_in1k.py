# torchvision's recipe, published with V2 2x: top-1 76.230 %, top-5 93.006 % (its weights' metadata).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb_176.py',
    '../_base_/schedules/imagenet_bs1024_torchvision.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=2.0),
    head=dict(in_channels=2048),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2), dict(type='CutMix', alpha=1.0)]),
)
