# CIFAR-10 at 24 pixels, which take 0.6 of the time, and at its own 32 from epoch 10 on.
_base_ = './cifar10.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='RandomCrop', crop_size=32, padding=4),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='Resize', scale=24),
            dict(type='PackInputs'),
        ]
    )
)
custom_hooks = [
    dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=10, train_pipeline={{_base_.train_pipeline}})])
]

# CIFAR's images stay as they are; photographs come down to their size.
test_pipeline = [
    dict(type='ResizeEdge', scale=32, edge='short'),
    dict(type='CenterCrop', crop_size=32),
    dict(type='PackInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
