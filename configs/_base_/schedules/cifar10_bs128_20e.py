# 20 epochs: what a CPU of two cores does in two hours.
_base_ = './cifar10_bs128.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=3, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, begin=0, convert_to_iter_based=True),
]

train_cfg = dict(max_epochs=20, val_interval=5)
