# ShuffleNet V1 1.0x with 3 groups for ImageNet.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='shufflenet_zoo.ShuffleNetV1', groups=3, widen_factor=1.0),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=960,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5),
    ),
)
