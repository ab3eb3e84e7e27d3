# mmpretrain's recipe, published with V2 1x: top-1 69.55 %, top-5 88.92 % (its metafile).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/imagenet_rgb_pillow.py',
    '../_base_/schedules/imagenet_bs1024_mmpretrain.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(loss=dict(_delete_=True, type='CrossEntropyLoss')))
