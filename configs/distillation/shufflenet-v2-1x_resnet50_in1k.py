# ShuffleNet V2 1.0x taught by mmpretrain's ResNet-50 (76.55 %), at temperature 1 and weight 3 as in mmrazor's recipe
# kd_logits_resnet50_shufflenet-v2-1x_16xb64_in1k, published with top-1 70.87 % (69.55 % without a teacher).
_base_ = '../imagenet/shufflenet-v2-1x_mmpretrain_in1k.py'
custom_imports = dict(imports=['shufflenet_zoo.openmmlab.distillation'])

model = dict(
    type='shufflenet_zoo.DistilledClassifier',
    teacher=dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=50, num_stages=4, out_indices=(3,), style='pytorch'),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=1000, in_channels=2048),
    ),
    checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth',
    weight=3.0,
)
