# Fine-tunes ShuffleNet V2 1.0x on any folder of images, from published weights: train with --data DIR. With
# --cfg-options model.backbone.frozen_stages=all the head alone learns.
_base_ = './shufflenet-v2-1x_folder.py'

# Of the backbone alone: the head has other classes.
model = dict(
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='zoo://shufflenet_v2_1.0x@torchvision', prefix='backbone.')
    )
)

# Each stage learns at half the rate of what is behind it: the earlier, the less its features are about the classes.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            'backbone.conv1': dict(lr_mult=1 / 16),
            'backbone.layers.0': dict(lr_mult=1 / 8),
            'backbone.layers.1': dict(lr_mult=1 / 4),
            'backbone.layers.2': dict(lr_mult=1 / 2),
            'backbone.layers.3': dict(lr_mult=1 / 2),
        }
    )
)
train_cfg = dict(max_epochs=10)
