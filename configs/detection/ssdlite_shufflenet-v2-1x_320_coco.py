# SSDLite at 320x320 on ShuffleNet V2 1.0x: stage 3 (stride 16) and the last convolution (stride 32).
_base_ = 'mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py'

from shufflenet_zoo.arch import feature_channels  # noqa: E402 - mmengine wants _base_ first

custom_imports = dict(imports=['shufflenet_zoo.openmmlab.ssd_head'])

backbone = dict(type='shufflenet_zoo.ShuffleNetV2', widen_factor=1.0, out_indices=(1, 3))
# SSDNeck passes the backbone's outputs on and adds four smaller ones.
level_channels = [*feature_channels(backbone), 512, 256, 256, 128]

model = dict(
    backbone=dict(_delete_=True, **backbone),
    neck=dict(in_channels='auto', out_channels=level_channels),
    bbox_head=dict(type='shufflenet_zoo.SSDHead', in_channels=level_channels),
)
