"""PyTorch backbones, built of mmcv's ConvModule and registered in scope ``shufflenet_zoo``."""

from shufflenet_zoo.backbones.deploy import to_deploy
from shufflenet_zoo.backbones.shufflenet_v1 import ShuffleNetV1, ShuffleUnit
from shufflenet_zoo.backbones.shufflenet_v2 import InvertedResidual, ShuffleNetV2

__all__ = ['InvertedResidual', 'ShuffleNetV1', 'ShuffleNetV2', 'ShuffleUnit', 'to_deploy']
