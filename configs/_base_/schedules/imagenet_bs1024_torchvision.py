# torchvision's recipe for ShuffleNet V2 1.5x and 2.0x (pull request 5906, references/classification): 600 epochs of
# batch 1024, cosine with warm-up, an average of the weights; the model mixes its batches.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=2e-5),
    paramwise_cfg=dict(norm_decay_mult=0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=5),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, begin=5, end=600),
]
# Every 32 iterations; 0.00002 of decay times 1,024 images times 32 iterations by 600 epochs.
custom_hooks = [dict(type='EMAHook', momentum=1.09e-3, interval=32, update_buffers=True)]

train_cfg = dict(by_epoch=True, max_epochs=600, val_interval=1)
val_cfg = {}
test_cfg = {}

auto_scale_lr = dict(base_batch_size=1024)
