# shufflenet_v2_1.0x@pytorchcv-b: top-5 88.75 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(down_unit='keep'),
)
load_from = 'zoo://shufflenet_v2_1.0x@pytorchcv-b'
