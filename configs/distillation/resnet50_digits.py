# The teacher of shufflenet-v2-1x_resnet50_digits.py: ResNet-50 on the handwritten digits.
_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/schedules/digits_bs64.py',
    '../_base_/default_runtime.py',
]

model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet_CIFAR', depth=50, out_indices=(3,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=2048, loss=dict(type='CrossEntropyLoss'), topk=(1, 5)),
)
default_hooks = dict(logger=dict(interval=10))
