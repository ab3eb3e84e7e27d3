# shufflenet_v1_g3_1.0x@cifar10: top-1 90.06 % (trained here on a GPU (docs/results.md); the accuracy on the 10,000 test
# images).
_base_ = [
    '../_base_/models/shufflenet_v1.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/cifar10_bs128.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(small_stem=True),
    head=dict(num_classes=10),
)
data_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[62.993, 62.0887, 66.7048],
    to_rgb=True,
)
test_pipeline = [
    dict(type='ResizeEdge', scale=32, edge='short', backend='cv2', interpolation='bilinear'),
    dict(type='CenterCrop', crop_size=32),
    dict(type='PackInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
load_from = 'zoo://shufflenet_v1_cifar10'
