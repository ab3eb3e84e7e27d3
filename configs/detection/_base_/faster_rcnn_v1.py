# Faster R-CNN with a four-level FPN, from the stem's stride 4 to 32, on ShuffleNet V1 1.0x with 3 groups.
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV1', groups=3, out_indices=('stem', 0, 1, 2)),
    neck=dict(in_channels=[24, 240, 480, 960]),
)
