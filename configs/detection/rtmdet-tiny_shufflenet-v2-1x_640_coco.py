# RTMDet-tiny at 640x640 on ShuffleNet V2 1.0x.
_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'

# SyncBN trains on GPUs only.
norm_cfg = dict(type='BN')

model = dict(
    # As ImageNet classifiers are trained: RGB.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', widen_factor=1.0, out_indices=(0, 1, 2)),
    neck=dict(in_channels=[116, 232, 464], norm_cfg=norm_cfg),
    bbox_head=dict(norm_cfg=norm_cfg),
)
