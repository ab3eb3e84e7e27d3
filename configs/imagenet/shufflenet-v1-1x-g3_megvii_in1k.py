# megvii's whole recipe, published with V1 1x, 3 groups: top-1 error 32.2 % (megvii's README; paper 32.6 %).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_megvii.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(groups=3, widen_factor=1.0, width_rule='paper', stem_rule='megvii'))
