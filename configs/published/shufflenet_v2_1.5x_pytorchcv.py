# shufflenet_v2_1.5x@pytorchcv: top-5 90.58 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=1.5, last_channels=1553, pool_padding='ceil'),
    head=dict(in_channels=1553),
)
load_from = 'zoo://shufflenet_v2_1.5x@pytorchcv'
