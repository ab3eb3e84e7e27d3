# 30 epochs: what a CPU of two cores does in two and a half hours, in bfloat16.
_base_ = './cifar10_bs128_20e.py'

train_cfg = dict(max_epochs=30)
