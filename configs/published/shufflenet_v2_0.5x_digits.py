# shufflenet_v2_0.5x@digits: top-1 98.59 % (trained here; the accuracy on the 355 test images of scikit-learn's digits).
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/digits_bs64.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(widen_factor=0.5, small_stem=True),
    head=dict(num_classes=10),
)
load_from = 'zoo://shufflenet_v2_digits'
