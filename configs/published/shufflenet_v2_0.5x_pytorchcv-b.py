# shufflenet_v2_0.5x@pytorchcv-b: top-5 81.78 % (pytorchcv 0.0.74, models/common/model_metainfos.csv (top-5 only)).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=0.5),
)
load_from = 'zoo://shufflenet_v2_0.5x@pytorchcv-b'
