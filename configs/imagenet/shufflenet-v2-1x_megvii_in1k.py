# megvii's whole recipe, published with V2 1x: top-1 error 30.6 % (megvii's README and paper, Table 8).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_bgr.py',
    '../_base_/schedules/imagenet_bs1024_megvii.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(widen_factor=1.0, down_unit='keep', shuffle='even_odd'))
