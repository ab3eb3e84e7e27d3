# Faster R-CNN with a four-level FPN, from the stem's stride 4 to 32, on ShuffleNet V2 1.0x.
_base_ = './faster_rcnn_v1.py'

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', out_indices=('stem', 0, 1, 2)),
    neck=dict(in_channels=[24, 116, 232, 464]),
)
