# ShuffleNet V1 1.0x with 3 groups on CIFAR-10, trained on a GPU.
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/cifar10_bs512.py',
    '../_base_/schedules/cifar10_bs512_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(small_stem=True), head=dict(num_classes=10))
