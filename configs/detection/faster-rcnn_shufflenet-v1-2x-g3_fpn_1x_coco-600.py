_base_ = './faster-rcnn_shufflenet-v1-1x-g3_fpn_1x_coco-600.py'

model = dict(backbone=dict(widen_factor=2.0), neck=dict(in_channels=[48, 480, 960, 1920]))
