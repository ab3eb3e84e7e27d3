"""What create_model is asked for, resolved once for both frameworks: the network, and the weights that go into it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.arch.architecture import check_names, family_of
from shufflenet_zoo.arch.variants import get_variant, list_models
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.convert import Weights, convert, head_classes
from shufflenet_zoo.weights.description import Description
from shufflenet_zoo.weights.index import PublishedWeights, get_weights, published_weights
from shufflenet_zoo.weights.zoo import as_content, is_address, read_for, read_published

# Classes of a classifier without weights.
_NUM_CLASSES = 1000
# Suffixes and separators that tell a file from a publisher's tag.
_FILE_MARKS = ('/', '\\', '.')

logger = logging.getLogger('shufflenet_zoo')


@dataclass(frozen=True)
class ModelRequest:
    """A network to be built, and the weights for it.

    Attributes:
        family: Name of the backbone's class.
        arguments: Its arguments.
        num_classes: Classes of the classifier; None: only the backbone is wanted.
        content: Weights in the framework's layout; None: none.
        for_backbone: Whether they are the backbone's alone and named as there, rather than in the classifier.
        origin: What the weights are called in messages.
    """

    family: str
    arguments: dict[str, Any]
    num_classes: int | None
    content: Content | None = None
    for_backbone: bool = False
    origin: str = ''

    @property
    def description(self) -> Description | None:
        """What the weights say about the classifier: no names of classes where its head is new."""
        said = self.content and self.content.description
        return replace(said, class_names=()) if said and self.for_backbone else said


def resolve_model(
    name: str,
    layout: str,
    num_classes: int | None,
    pretrained: str | Path | bool | None,
    in_channels: int,
    features_only: bool,
    trust: bool,
    backbone_arguments: Mapping[str, Any],
) -> ModelRequest:
    """Resolve what a framework's create_model is asked for.

    Args:
        name: One of list_models(), 'model@tag', or a name of weights such as 'shufflenet_v1_digits'.
        layout: The layout of the framework's own names.
        num_classes: Classes; None: those of the weights, 1000 without weights.
        pretrained: True, a publisher's tag, an address of the index, a file, or None.
        in_channels: Channels of the images.
        features_only: Whether only the backbone is wanted, with the maps of all its stages.
        trust: Whether published files without a hash will do.
        backbone_arguments: Arguments of the backbone that replace the variant's.

    Raises:
        ArgumentError: if there is no such name or argument.
        CheckpointError: if there are no such weights, or they cannot be had or read.
    """
    model, row = _find(name, pretrained)
    own = get_variant(model).backbone
    family = family_of(own)
    check_names(family, backbone_arguments)
    arguments = {key: value for key, value in own.items() if key != 'type'} | {'in_channels': in_channels}
    weights = None
    if row:
        weights = convert(read_published(row, trust), layout)
        arguments = weights.description.backbone | {'in_channels': in_channels}
        del arguments['type']
    arguments |= backbone_arguments
    architecture = Architecture.of({'type': family, **arguments})
    if pretrained and not row:
        weights = convert(read_for(pretrained, architecture, 'backbone' if features_only else None), layout)
    if features_only:
        arguments.setdefault('out_indices', tuple(range(len(architecture.plan.stages))))
    return _request(family, arguments, num_classes, weights, row.name if row else str(pretrained or ''), features_only)


def _find(name: str, pretrained: str | Path | bool | None) -> tuple[str, PublishedWeights | None]:
    """Return the model of a name, and the published weights that are wanted."""
    model, _, tag = name.partition('@')
    named = next((row for row in published_weights() if row.alias and row.alias == name), None)
    if named is None and tag:
        named = get_weights(name)
    if named:
        if pretrained not in (None, True):
            raise ArgumentError(f'{name} names its weights; pretrained must be True or left out, got {pretrained!r}')
        return named.model, named
    get_variant(model)
    if pretrained is None or pretrained is False:
        return model, None
    if not isinstance(pretrained, (bool, str, Path)):
        raise ArgumentError(f"pretrained must be True, a publisher's tag, an address or a file, got {pretrained!r}")
    if pretrained is True:
        return model, get_weights(model)
    if is_address(pretrained):
        row = get_weights(str(pretrained))
        if row.model != model:
            raise ArgumentError(f'{pretrained} has the weights of {row.model}, and {model} is asked for')
        return model, row
    if isinstance(pretrained, str) and not any(mark in pretrained for mark in _FILE_MARKS):
        return model, get_weights(model, pretrained)
    return model, None


def _request(
    family: str,
    arguments: dict[str, Any],
    num_classes: int | None,
    weights: Weights | None,
    origin: str,
    features_only: bool,
) -> ModelRequest:
    if weights is None:
        return ModelRequest(family, arguments, None if features_only else _first(num_classes, _NUM_CLASSES))
    published = head_classes(weights)
    if features_only:
        return ModelRequest(family, arguments, None, as_content(weights, classifier=False), True, origin)
    classes = _first(num_classes, published, _NUM_CLASSES)
    new_head = classes != published
    if new_head:
        had = f'a head for {published} classes' if published else 'no head'
        logger.warning('%s has %s; the head for %d classes is new and untrained', origin, had, classes)
    return ModelRequest(family, arguments, classes, as_content(weights, not new_head), new_head, origin)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


__all__ = ['ModelRequest', 'list_models', 'resolve_model']
