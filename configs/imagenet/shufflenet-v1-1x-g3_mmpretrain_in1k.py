# mmpretrain's recipe, published with V1 1x, 3 groups: top-1 68.13 %, top-5 87.81 % (its metafile).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/imagenet_rgb_pillow.py',
    '../_base_/schedules/imagenet_bs1024_mmpretrain.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(loss=dict(_delete_=True, type='CrossEntropyLoss')))
