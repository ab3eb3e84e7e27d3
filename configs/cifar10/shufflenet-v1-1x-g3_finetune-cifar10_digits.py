# ShuffleNet V1 1.0x with 3 groups on the digits, from the weights that were trained on CIFAR-10. With
# --cfg-options model.backbone.frozen_stages=all the head alone learns.
_base_ = '../shufflenet_v1_g3.py'

model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='zoo://shufflenet_v1_cifar10', prefix='backbone.'))
)

# Each stage learns at half the rate of what is behind it: the earlier, the less its features are about the classes.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            'backbone.conv1': dict(lr_mult=1 / 8),
            'backbone.layers.0': dict(lr_mult=1 / 8),
            'backbone.layers.1': dict(lr_mult=1 / 4),
            'backbone.layers.2': dict(lr_mult=1 / 2),
        }
    )
)
