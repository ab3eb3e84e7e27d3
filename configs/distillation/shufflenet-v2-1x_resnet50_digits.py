# ShuffleNet V2 1.0x on the handwritten digits, taught by a ResNet-50: train resnet50_digits first.
_base_ = '../shufflenet_v2.py'
custom_imports = dict(imports=['shufflenet_zoo.openmmlab.distillation'])

model = dict(
    type='shufflenet_zoo.DistilledClassifier',
    teacher=dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=50, out_indices=(3,)),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=2048),
    ),
    checkpoint='work_dirs/resnet50_digits/epoch_15.pth',
    weight=3.0,
)
