# RetinaNet with FPN on ShuffleNet V1 1.0x with 3 groups.
_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV1', groups=3, out_indices=(0, 1, 2)),
    neck=dict(in_channels=[240, 480, 960], start_level=0),
)
