# For comparing groups and shuffles: a fifth of CIFAR-10, at 24 pixels, which a core learns in some minutes.
_base_ = './shufflenet-v1-1x-g3_20e_cifar10-folder.py'

small = dict(type='Resize', scale=24)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomCrop', crop_size=32, padding=4),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    small,
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), small, dict(type='PackInputs')]

model = dict(backbone=dict(widen_factor=0.25, width_rule='paper'), head=dict(in_channels=240))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, indices=list(range(0, 50000, 5))))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
custom_hooks = []
train_cfg = dict(max_epochs=15, val_interval=15)
