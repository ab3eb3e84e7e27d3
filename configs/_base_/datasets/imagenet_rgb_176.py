# ImageNet as torchvision's newer recipes feed it: trained at 176 pixels with every image four times in an epoch's
# order, tested at 224 of 232.
_base_ = './imagenet_rgb_pillow.py'

# TrivialAugment as far as mmpretrain has it: one operation a picture, its strength drawn evenly.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=176, backend='pillow'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=1,
        total_level=10,
        magnitude_level=10,
        magnitude_std='inf',
    ),
    dict(type='RandomErasing', erase_prob=0.1, mode='const', min_area_ratio=0.02, max_area_ratio=1 / 3),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=232, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    dataset=dict(pipeline=train_pipeline),
    sampler=dict(_delete_=True, type='RepeatAugSampler', num_repeats=4, shuffle=True),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
