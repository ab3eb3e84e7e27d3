# MindSpore's tutorial: Momentum, cosine from 0.05 to 0.0005 over 250 epochs behind a warm-up, everything in half
# precision (O3) with a loss scale of 1024.
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale=1024.0,
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0),
)
mindspore = dict(amp_level='O3')

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=4, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=5e-4, by_epoch=True, begin=0, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=250, val_interval=1)
val_cfg = {}
test_cfg = {}

auto_scale_lr = dict(base_batch_size=128)
