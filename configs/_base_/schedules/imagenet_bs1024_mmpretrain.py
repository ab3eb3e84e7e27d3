# mmpretrain 1.2.0's recipe for ShuffleNets: 5,000 iterations at a tenth of the rate, then linearly to 0; 300 epochs.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(norm_decay_mult=0),
)
param_scheduler = [
    dict(type='ConstantLR', factor=0.1, by_epoch=False, begin=0, end=5000),
    dict(type='PolyLR', power=1.0, eta_min=0, by_epoch=False, begin=5000),
]

train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = {}
test_cfg = {}

auto_scale_lr = dict(base_batch_size=1024)
