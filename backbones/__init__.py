"""PyTorch backbones, built of mmcv's ConvModule and registered in scope ``shufflenet_zoo``, and classifiers by name."""

from typing import Any

from mmengine.runner import CheckpointLoader

from shufflenet_zoo.backbones.classifier import ImageClassifier
from shufflenet_zoo.backbones.deploy import to_deploy
from shufflenet_zoo.backbones.factory import create_model, list_models, list_weights
from shufflenet_zoo.backbones.shufflenet_v1 import ShuffleNetV1, ShuffleUnit
from shufflenet_zoo.backbones.shufflenet_v2 import InvertedResidual, ShuffleNetV2
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import register_safe_globals
from shufflenet_zoo.weights.index import SCHEME


def load_from_zoo(checkpoint: str, map_location: str | None = None) -> dict[str, Any]:
    """Load published weights; mmengine's log has the end of this function's name: ``by zoo backend``."""
    return fetch_checkpoint(checkpoint, map_location)


# Whatever mmengine loads checkpoints for may name published weights.
CheckpointLoader.register_scheme(SCHEME, load_from_zoo, force=True)
# With newer releases of torch, mmengine cannot read its own checkpoints otherwise.
register_safe_globals()

__all__ = [
    'ImageClassifier',
    'InvertedResidual',
    'ShuffleNetV1',
    'ShuffleNetV2',
    'ShuffleUnit',
    'create_model',
    'list_models',
    'list_weights',
    'to_deploy',
]
