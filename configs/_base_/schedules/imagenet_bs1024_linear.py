# The official recipe: 300,000 iterations of batch 1024, rate linearly to 0, decay on weights of more than one axis.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0),
)
param_scheduler = dict(type='PolyLR', power=1.0, eta_min=0, by_epoch=False, begin=0)

# 240 epochs of 1,252 iterations.
train_cfg = dict(by_epoch=True, max_epochs=240, val_interval=1)
val_cfg = {}
test_cfg = {}

auto_scale_lr = dict(base_batch_size=1024)
