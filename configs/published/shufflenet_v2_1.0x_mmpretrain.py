# shufflenet_v2_1.0x@mmpretrain: top-1 69.55 % (mmpretrain 1.2.0, configs/shufflenet_v1/metafile.yml and
# configs/shufflenet_v2/metafile.yml).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

load_from = 'zoo://shufflenet_v2_1.0x@mmpretrain'
