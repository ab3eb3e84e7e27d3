"""Networks by name."""

from pathlib import Path
from typing import Any

from shufflenet_zoo.mindspore_impl.base import ShuffleNet
from shufflenet_zoo.mindspore_impl.checkpoint import LAYOUT, load_content
from shufflenet_zoo.mindspore_impl.classifier import BACKBONES, ImageClassifier
from shufflenet_zoo.weights.index import list_weights
from shufflenet_zoo.weights.models import list_models, resolve_model

__all__ = ['create_model', 'list_models', 'list_weights']


def create_model(
    name: str,
    num_classes: int | None = None,
    pretrained: str | Path | bool | None = None,
    in_channels: int = 3,
    features_only: bool = False,
    trust: bool = False,
    **backbone_arguments: Any,
) -> ImageClassifier | ShuffleNet:
    """Build a named network: a classifier, which maps images (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        name: One of list_models(), with '@' and a publisher's tag as in list_weights(), or the name of weights that
            come with the package, such as 'shufflenet_v1_digits'.
        num_classes: Number of classes. Default: None, those of the weights; 1000 without weights. With another number
            than the weights' the backbone is loaded, and a warning says that the head is new.
        pretrained: True, the published weights of the highest accuracy; a publisher's tag; 'zoo://NAME'; or the file
            of a classifier in any layout of any framework, which is converted. Default: None, weights drawn as the
            official release draws them.
        in_channels: Channels of the images.
        features_only: Whether to build the backbone alone, which returns the maps of all its stages and tells their
            channels and strides in ``feature_info``.
        trust: Whether to load published files of which no hash is known.
        **backbone_arguments: Arguments of ShuffleNetV1 or ShuffleNetV2 that replace the variant's.

    Returns:
        An ImageClassifier, or with features_only a ShuffleNetV1 or ShuffleNetV2.

    Raises:
        ArgumentError: if there is no such name or argument.
        CheckpointError: if the weights cannot be had or read, or are another network's.

    Examples:
        >>> model = create_model('shufflenet_v2_1.0x', pretrained='torchvision')
        >>> model(ops.rand(1, 3, 224, 224)).shape
        (1, 1000)
        >>> backbone = create_model('shufflenet_v2_1.0x', features_only=True)
        >>> [(info.channels, info.stride) for info in backbone.feature_info]
        [(116, 8), (232, 16), (464, 32)]
    """
    request = resolve_model(
        name, LAYOUT, num_classes, pretrained, in_channels, features_only, trust, backbone_arguments
    )
    backbone = BACKBONES[request.family](**request.arguments)
    if request.content and request.for_backbone:
        # Before a classifier puts its prefix before their names.
        load_content(backbone, request.content, request.origin)
    if request.num_classes is None:
        return backbone
    model = ImageClassifier.around(backbone, request.num_classes)
    if request.content and not request.for_backbone:
        load_content(model, request.content, request.origin)
    model.description = request.description
    return model
