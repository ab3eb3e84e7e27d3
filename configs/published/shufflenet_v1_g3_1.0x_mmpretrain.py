# shufflenet_v1_g3_1.0x@mmpretrain: top-1 68.13 % (mmpretrain 1.2.0, configs/shufflenet_v1/metafile.yml and
# configs/shufflenet_v2/metafile.yml).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_rgb.py',
    '../_base_/schedules/imagenet_bs1024_linear.py',
    '../_base_/default_runtime.py',
]

load_from = 'zoo://shufflenet_v1_g3_1.0x@mmpretrain'
