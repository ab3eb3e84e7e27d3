# shufflenet_v1_g1_1.0x@pytorchcv: top-5 86.11 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(groups=1),
    head=dict(in_channels=576),
)
load_from = 'zoo://shufflenet_v1_g1_1.0x@pytorchcv'
