# CIFAR-10 as images for a GPU: large batches, a square of 1/16 to 1/4 of every image painted over.
_base_ = './cifar10_folder_24to32.py'

erasing = dict(
    type='RandomErasing', erase_prob=1.0, min_area_ratio=1 / 16, max_area_ratio=1 / 4, aspect_range=(1.0, 1.0)
)
train_pipeline = [*_base_.train_pipeline[:-1], erasing, dict(type='PackInputs')]
train_dataloader = dict(batch_size=512, num_workers=8, dataset=dict(pipeline=train_pipeline))
custom_hooks = []
