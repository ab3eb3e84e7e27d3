# V2*: a larger receptive field by a depthwise convolution more in every unit (V2 Section 4).
_base_ = './faster-rcnn_shufflenet-v2-1x_fpn_1x_coco.py'

model = dict(backbone=dict(extra_depthwise=True))
