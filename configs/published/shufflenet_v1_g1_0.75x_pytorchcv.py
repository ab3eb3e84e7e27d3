# shufflenet_v1_g1_0.75x@pytorchcv: top-5 82.89 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(groups=1, widen_factor=0.75, width_rule='paper'),
    head=dict(in_channels=432),
)
load_from = 'zoo://shufflenet_v1_g1_0.75x@pytorchcv'
