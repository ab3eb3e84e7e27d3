"""Networks by name."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from shufflenet_zoo.arch.variants import VARIANTS, get_variant
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.classifier import GlobalAveragePooling, ImageClassifier, LinearClsHead
from shufflenet_zoo.mindspore_impl.shufflenet_v1 import ShuffleNetV1
from shufflenet_zoo.mindspore_impl.shufflenet_v2 import ShuffleNetV2

_BACKBONES = {'ShuffleNetV1': ShuffleNetV1, 'ShuffleNetV2': ShuffleNetV2}


def list_models(pattern: str = '*') -> list[str]:
    """Returns the names that create_model takes.

    Args:
        pattern: Only names that match it, such as 'shufflenet_v1_g3_*'.
    """
    return [name for name in VARIANTS if fnmatch(name, pattern)]


def create_model(
    name: str,
    num_classes: int = 1000,
    pretrained: str | Path | None = None,
    in_channels: int = 3,
    **backbone_arguments: Any,
) -> ImageClassifier:
    """Builds a named classifier, which maps images of shape (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        name: One of list_models().
        num_classes: Number of classes.
        pretrained: A .ckpt or .safetensors file of the whole classifier. Default: None, random weights. To begin
            with a backbone trained on other classes: load_weights(model.backbone, FILE, prefix='backbone.').
        in_channels: Channels of the images.
        **backbone_arguments: Arguments of ShuffleNetV1 or ShuffleNetV2 that replace the variant's.

    Raises:
        ArgumentError: if there is no such name or argument.
        CheckpointError: if pretrained does not fit exactly.

    Example:
        >>> model = create_model('shufflenet_v1_g3_1.0x', num_classes=10)
        >>> model(ops.rand(1, 3, 224, 224)).shape
        (1, 10)
    """
    if isinstance(pretrained, bool):
        raise ArgumentError(
            f'pretrained must be the path of a .ckpt or .safetensors file or None, got {pretrained}; '
            f'there is nothing to download'
        )
    arguments = get_variant(name).backbone | {'in_channels': in_channels} | backbone_arguments
    backbone = _BACKBONES[arguments.pop('type').rpartition('.')[2]]
    built = backbone(**arguments)
    model = ImageClassifier(built, GlobalAveragePooling(), LinearClsHead(num_classes, built.out_channels[-1]))
    if pretrained:
        load_weights(model, pretrained)
    return model
