# RetinaNet on ShuffleNet V2 1.0x with a neck and a head as light as the backbone: 64 channels and two convolutions.
_base_ = ['mmdet::_base_/models/retinanet_r50_fpn.py', 'mmdet::_base_/default_runtime.py']

channels = 64

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', out_indices=(0, 1, 2)),
    neck=dict(in_channels=[116, 232, 464], out_channels=channels, start_level=0, norm_cfg=dict(type='BN')),
    bbox_head=dict(
        in_channels=channels,
        feat_channels=channels,
        stacked_convs=2,
        norm_cfg=dict(type='BN'),
        anchor_generator=dict(octave_base_scale=3),
        # Overlap itself as the loss: boxes become tighter than with L1.
        reg_decoded_bbox=True,
        loss_bbox=dict(_delete_=True, type='GIoULoss', loss_weight=2.0),
    ),
)

max_epochs = 12
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, convert_to_iter_based=True),
]
