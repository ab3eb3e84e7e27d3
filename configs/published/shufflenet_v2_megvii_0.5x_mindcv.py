# shufflenet_v2_megvii_0.5x@mindcv: top-1 60.53 % (mindcv 0.3.0, models/shufflenetv1.py and models/shufflenetv2.py;
# results: configs/shufflenetv1 and shufflenetv2, README.md).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=0.5, pool_padding='same'),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short', backend='cv2', interpolation='bilinear'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
load_from = 'zoo://shufflenet_v2_megvii_0.5x@mindcv'
