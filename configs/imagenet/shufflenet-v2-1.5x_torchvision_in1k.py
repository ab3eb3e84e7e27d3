# torchvision's recipe, published with V2 1.5x: top-1 72.996 %, top-5 91.086 % (its weights' metadata).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb_176.py',
    '../_base_/schedules/imagenet_bs1024_torchvision.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=1.5),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2), dict(type='CutMix', alpha=1.0)]),
)
