# ShuffleNet V1 1.0x with 3 groups on CIFAR-10, trained on a CPU.
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/cifar10_24to32_erasing.py',
    '../_base_/schedules/cifar10_bs128_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(small_stem=True), head=dict(num_classes=10))
