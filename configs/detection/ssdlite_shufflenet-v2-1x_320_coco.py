# SSDLite at 320x320 on ShuffleNet V2 1.0x: stage 3 (stride 16) and the last convolution (stride 32).
_base_ = 'mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py'

custom_imports = dict(imports=['shufflenet_zoo.openmmlab.ssd_head'])

in_channels = [232, 1024]
# SSDNeck passes the backbone's outputs on and adds four smaller ones.
level_channels = [*in_channels, 512, 256, 256, 128]

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', widen_factor=1.0, out_indices=(1, 3)),
    neck=dict(in_channels=in_channels, out_channels=level_channels),
    bbox_head=dict(type='shufflenet_zoo.SSDHead', in_channels=level_channels),
)
