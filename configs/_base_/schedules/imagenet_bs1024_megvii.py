# The official recipe to its end: a head without bias, and BatchNorm's statistics estimated anew over the training set.
_base_ = './imagenet_bs1024_linear.py'

# Without bias: it begins at 0 and stays there, so that weight files have the same names as others.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.fc.bias': dict(lr_mult=0)}))
# After the last epoch, before its checkpoint; megvii's code goes on training weights meanwhile, at a rate of 0.
custom_hooks = [dict(type='PreciseBNHook', num_samples=1281167, interval=240, priority='ABOVE_NORMAL')]
