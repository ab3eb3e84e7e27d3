# The light RetinaNet on handwritten digits in larger pictures; the data set makes itself from scikit-learn's digits.
# The backbone starts from the digits classifier: run tools/train.py configs/shufflenet_v2.py first.
_base_ = './_base_/retinanet_light_v2.py'
custom_imports = dict(imports=['shufflenet_zoo.openmmlab.coco_digits'])

model = dict(
    # As the classifier was trained.
    data_preprocessor=dict(mean=[78.0, 78.0, 78.0], std=[96.0, 96.0, 96.0], bgr_to_rgb=False),
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/shufflenet_v2/epoch_15.pth', prefix='backbone.')
    ),
    neck=dict(add_extra_convs=False, num_outs=3),
    bbox_head=dict(
        num_classes=10,
        # Digits are from 24 to 96 pixels high and, as a rule, narrower than high.
        anchor_generator=dict(ratios=[1.0, 1.5, 2.5], strides=[8, 16, 32]),
    ),
)

data_root = 'data/digits_detection/'
dataset = dict(type='shufflenet_zoo.DigitsDetection', data_root=data_root)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='train/'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(
                type='RandomAffine',
                max_rotate_degree=0,
                max_shear_degree=0,
                max_translate_ratio=0.1,
                scaling_ratio_range=(0.9, 1.1),
                border_val=(40, 40, 40),
            ),
            dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape')),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        ann_file='annotations/instances_val.json',
        data_prefix=dict(img='val/'),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(256, 256), keep_ratio=True),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'annotations/instances_val.json', metric='bbox')
test_evaluator = val_evaluator

train_cfg = dict(val_interval=2)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(max_keep_ckpts=3))
randomness = dict(seed=0)
