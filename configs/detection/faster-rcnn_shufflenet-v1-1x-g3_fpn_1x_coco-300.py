# The paper's setting of 300 pixels for the shorter side (V1 Table 7); the longer side has at most 500.
_base_ = './faster-rcnn_shufflenet-v1-1x-g3_fpn_1x_coco.py'

scale = dict(scale=(500, 300))
train_pipeline = [step | scale if step['type'] == 'Resize' else step for step in _base_.train_pipeline]
test_pipeline = [step | scale if step['type'] == 'Resize' else step for step in _base_.test_pipeline]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
