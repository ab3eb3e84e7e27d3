# RetinaNet with FPN on ShuffleNet V2 1.0x; in_channels='auto': what the backbone gives.
_base_ = './retinanet_v1.py'

model = dict(backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', out_indices=(0, 1, 2)))
