# ShuffleNet V2 1.0x with a last convolution of 384 channels on CIFAR-10 as images, trained on a CPU.
_base_ = [
    '../_base_/models/shufflenet_v2.py',
    '../_base_/datasets/cifar10_folder_24to32.py',
    '../_base_/schedules/cifar10_bs128_40e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(small_stem=True, last_channels=384), head=dict(num_classes=10, in_channels=384))
custom_hooks = [
    dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=20, train_pipeline={{_base_.train_pipeline}})])
]
