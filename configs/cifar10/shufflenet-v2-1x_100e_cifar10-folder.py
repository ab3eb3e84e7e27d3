# ShuffleNet V2 1.0x with a last convolution of 384 channels on CIFAR-10 as images, trained on a GPU.
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/cifar10_folder_bs512.py',
    '../_base_/schedules/cifar10_bs512_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(small_stem=True, last_channels=384), head=dict(num_classes=10, in_channels=384))
