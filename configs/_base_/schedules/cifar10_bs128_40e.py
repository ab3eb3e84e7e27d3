# 40 epochs: what a CPU of two cores does in two hours, compiled.
_base_ = './cifar10_bs128_20e.py'

train_cfg = dict(max_epochs=40)
