# shufflenet_v2_0.5x@torchvision: top-1 60.552 % (torchvision 0.24, models/shufflenetv2.py and
# models/quantization/shufflenetv2.py).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=0.5),
)
load_from = 'zoo://shufflenet_v2_0.5x@torchvision'
