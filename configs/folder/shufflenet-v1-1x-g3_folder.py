# ShuffleNet V1 1.0x with 3 groups on any folder of images: train with --data DIR.
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/image_folder.py',
    '../_base_/schedules/folder_bs32.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=2, topk=(1,)))
default_hooks = dict(logger=dict(interval=10))
