# shufflenet_v1_g3_1.0x@digits: top-1 99.15 % (trained here; the accuracy on the 355 test images of scikit-learn's
# digits).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/digits_bs64.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(small_stem=True),
    head=dict(num_classes=10),
)
load_from = 'zoo://shufflenet_v1_digits'
