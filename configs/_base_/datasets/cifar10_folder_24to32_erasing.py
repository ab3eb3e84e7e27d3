# CIFAR-10 as images, each with a sixteenth painted over: at 24 pixels, and at its own 32 from epoch 15 on.
_base_ = './cifar10_folder_24to32.py'

erasing = dict(
    type='RandomErasing', erase_prob=1.0, min_area_ratio=1 / 16, max_area_ratio=1 / 16, aspect_range=(1.0, 1.0)
)
small_pipeline = [*_base_.train_dataloader.dataset.pipeline[:-1], erasing, dict(type='PackInputs')]
train_pipeline = [*_base_.train_pipeline[:-1], erasing, dict(type='PackInputs')]
train_dataloader = dict(dataset=dict(pipeline=small_pipeline))
custom_hooks = [dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=15, train_pipeline=train_pipeline)])]
