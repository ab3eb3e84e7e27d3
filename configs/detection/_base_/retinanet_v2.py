# RetinaNet with FPN on ShuffleNet V2 1.0x.
_base_ = './retinanet_v1.py'

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', out_indices=(0, 1, 2)),
    neck=dict(in_channels=[116, 232, 464]),
)
