# shufflenet_v2_1.0x@chenyaofo-cifar100: top-1 72.39 % (github.com/chenyaofo/pytorch-cifar-models, README.md).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar10_bs128.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(small_stem=True),
    head=dict(num_classes=100),
)
load_from = 'zoo://shufflenet_v2_1.0x@chenyaofo-cifar100'
