# ShuffleNet V2 1.0x on the handwritten digits.
_base_ = [
    './_base_/models/shufflenet_v2.py',
    './_base_/datasets/digits.py',
    './_base_/schedules/digits_bs64.py',
    './_base_/default_runtime.py',
]

model = dict(backbone=dict(small_stem=True), head=dict(num_classes=10))
default_hooks = dict(logger=dict(interval=10))
