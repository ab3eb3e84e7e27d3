"""What create_model must refuse in both frameworks, in the same words."""

WRONG_ARGUMENTS = [
    (('shufflenet_v3',), {}, "no variant 'shufflenet_v3'"),
    (('shufflenet_v2_0.5x', 0), {}, 'num_classes must be a positive integer, got 0'),
    (('shufflenet_v2_0.5x', 10, 3), {}, "pretrained must be True, a publisher's tag, an address or a file, got 3"),
    (('shufflenet_v2_0.5x', 10, None, 0), {}, 'in_channels must be a positive integer, got 0'),
    (('shufflenet_v2_0.5x',), {'groups': 3}, "ShuffleNetV2 has no argument 'groups'"),
    (('shufflenet_v2_0.5x',), {'type': 'ShuffleNetV1'}, "ShuffleNetV2 has no argument 'type'"),
]
