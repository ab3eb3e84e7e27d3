# ShuffleNet V2 1.0x for ImageNet.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='shufflenet_zoo.ShuffleNetV2', widen_factor=1.0),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5),
    ),
)
