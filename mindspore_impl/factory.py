"""Networks by name."""

from pathlib import Path
from typing import Any

from shufflenet_zoo.arch.variants import list_models, resolve_model
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.classifier import BACKBONES, ImageClassifier

__all__ = ['create_model', 'list_models']


def create_model(
    name: str,
    num_classes: int = 1000,
    pretrained: str | Path | None = None,
    in_channels: int = 3,
    **backbone_arguments: Any,
) -> ImageClassifier:
    """Build a named classifier, which maps images of shape (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        name: One of list_models().
        num_classes: Number of classes.
        pretrained: A .ckpt or .safetensors file of the whole classifier. Default: None, weights drawn as the official
            release draws them. To begin with a backbone trained on other classes:
            load_weights(model.backbone, FILE, prefix='backbone.').
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
    family, arguments = resolve_model(name, pretrained, in_channels, backbone_arguments)
    model = ImageClassifier.around(BACKBONES[family](**arguments), num_classes)
    if pretrained:
        load_weights(model, pretrained)
    return model
