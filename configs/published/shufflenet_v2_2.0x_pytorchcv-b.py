# shufflenet_v2_2.0x@pytorchcv-b: top-5 91.66 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=2.0, down_unit='keep', last_channels=2153),
    head=dict(in_channels=2153),
)
load_from = 'zoo://shufflenet_v2_2.0x@pytorchcv-b'
