# 100 epochs, of 6 to 10 seconds each on an NVIDIA H200.
_base_ = './cifar10_bs128.py'

optim_wrapper = dict(optimizer=dict(lr=0.4))
train_cfg = dict(max_epochs=100, val_interval=10)
auto_scale_lr = dict(base_batch_size=512)
