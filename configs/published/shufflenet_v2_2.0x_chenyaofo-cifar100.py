# shufflenet_v2_2.0x@chenyaofo-cifar100: top-1 75.35 % (github.com/chenyaofo/pytorch-cifar-models, README.md).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar10_bs128.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=2.0, small_stem=True),
    head=dict(num_classes=100, in_channels=2048),
)
load_from = 'zoo://shufflenet_v2_2.0x@chenyaofo-cifar100'
