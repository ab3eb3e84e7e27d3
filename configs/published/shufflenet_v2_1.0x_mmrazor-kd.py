# shufflenet_v2_1.0x@mmrazor-kd: top-1 70.87 % (mmrazor 1.0.0, configs/distill/mmcls/kd).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

load_from = 'zoo://shufflenet_v2_1.0x@mmrazor-kd'
