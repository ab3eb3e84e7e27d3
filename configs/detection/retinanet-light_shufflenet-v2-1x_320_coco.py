# The light RetinaNet on COCO at 320x320.
_base_ = ['./_base_/retinanet_light_v2.py', 'mmdet::_base_/datasets/coco_detection.py']

resize = dict(scale=(320, 320), keep_ratio=False)
train_pipeline = [step | resize if step['type'] == 'Resize' else step for step in _base_.train_pipeline]
test_pipeline = [step | resize if step['type'] == 'Resize' else step for step in _base_.test_pipeline]

train_dataloader = dict(batch_size=16, batch_sampler=None, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
