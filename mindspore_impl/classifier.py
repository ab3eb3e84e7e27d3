"""Image classifiers: backbone, global average pooling and linear head, named as in mmpretrain."""

import inspect
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from mindspore import Tensor, nn
from mindspore.common.initializer import Normal

from shufflenet_zoo.arch import SCOPE, V1, V2
from shufflenet_zoo.arch.units import check_positive
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.jobs.config import AUTO
from shufflenet_zoo.mindspore_impl.base import ShuffleNet, load_pretrained
from shufflenet_zoo.mindspore_impl.checkpoint import LAYOUT, load_content, to_numpy
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require
from shufflenet_zoo.mindspore_impl.losses import CrossEntropyLoss, LabelSmoothLoss
from shufflenet_zoo.mindspore_impl.shufflenet_v1 import ShuffleNetV1
from shufflenet_zoo.mindspore_impl.shufflenet_v2 import ShuffleNetV2
from shufflenet_zoo.weights.hub import HubMixin, Saved


class GlobalAveragePooling(nn.Cell):
    """Averages every channel of every feature map: (N, C, H, W) to (N, C).

    Args:
        dropout: The share of channels that training leaves out behind the average. Default: 0.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(p=dropout) if dropout else nn.Identity()

    def construct(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        pooled = ()
        for feature in features:
            pooled += (self.dropout(feature.mean((2, 3))),)
        return pooled


class LinearClsHead(nn.Cell):
    """A linear classifier on the last of the features.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the last feature.
        std: Standard deviation of the initial weights; the bias begins at 0.

    Raises:
        ArgumentError: if num_classes is no positive integer.
    """

    def __init__(self, num_classes: int, in_channels: int, std: float = 0.01) -> None:
        super().__init__()
        check_positive('num_classes', num_classes)
        self.fc = nn.Dense(in_channels, num_classes, weight_init=Normal(std), bias_init='zeros')

    def construct(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.fc(features[-1])


class ImageClassifier(HubMixin, nn.Cell):
    """Maps images to the classes' scores before the softmax.

    Args:
        backbone: Maps images to features.
        neck: Pools the features.
        head: Maps the pooled features to scores.
    """

    LAYOUT = LAYOUT

    def __init__(self, backbone: ShuffleNet, neck: nn.Cell, head: nn.Cell) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    @classmethod
    def around(cls, backbone: ShuffleNet, num_classes: int) -> 'ImageClassifier':
        """Put pooling and a linear classifier behind a backbone.

        Args:
            backbone: A ShuffleNetV1 or ShuffleNetV2.
            num_classes: Number of classes.

        Raises:
            ArgumentError: if num_classes is no positive integer.
        """
        return cls(backbone, GlobalAveragePooling(), LinearClsHead(num_classes, backbone.out_channels[-1]))

    @classmethod
    def _from_saved(cls, saved: Saved) -> Self:
        backbone = _build_backbone(saved.backbone)
        model = cls.around(backbone, saved.num_classes)
        load_content(model, saved.content, saved.origin)
        return model.set_train(False)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {parameter.name: to_numpy(parameter) for parameter in self.get_parameters()}

    def construct(self, images: Tensor) -> Tensor:
        """Map images of shape (N, in_channels, H, W) to logits of shape (N, num_classes)."""
        return self.head(self.neck(self.backbone(images)))


class ClassifierWithFeatures(ImageClassifier):
    """An ImageClassifier that also gives what its logits are computed from."""

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images of shape (N, in_channels, H, W) to the backbone's features, and the logits at the end."""
        features = self.backbone(images)
        return (*features, self.head(self.neck(features)))


# The backbones by the name of their family.
BACKBONES = {V1: ShuffleNetV1, V2: ShuffleNetV2}
# Full names only: another package's backbone of the same name may be another network.
_SCOPED_BACKBONES = {f'{SCOPE}.{family}': backbone for family, backbone in BACKBONES.items()}
_LOSSES = {loss.__name__: loss for loss in (CrossEntropyLoss, LabelSmoothLoss)}


def build_classifier(model: Mapping[str, Any]) -> tuple[ImageClassifier, nn.Cell]:
    """Build the classifier of a config, and its loss.

    Args:
        model: The config's ``model``. Its data_preprocessor is the data pipeline's affair.

    Returns:
        The classifier, which maps images to logits, and the loss, which maps logits and labels to a scalar.

    Raises:
        ConfigError: if MindSpore cannot build what a key asks for.
        CheckpointError: if weights that it names cannot be loaded.
    """
    choose(model, 'model', {'ImageClassifier': ImageClassifier})
    check_keys(model, 'model', ('backbone', 'neck', 'head', 'pretrained', 'init_cfg', 'train_cfg', 'data_preprocessor'))
    require(not model.get('train_cfg'), 'model.train_cfg', model.get('train_cfg'), 'None')
    backbone = _build_backbone(model.get('backbone') or {})
    head = model.get('head') or {}
    classifier = ImageClassifier(backbone, _build_neck(model.get('neck') or {}), _build_head(head, backbone))
    pretrained = model.get('pretrained')
    init_cfg = {'type': 'Pretrained', 'checkpoint': pretrained} if pretrained else model.get('init_cfg')
    try:
        load_pretrained(classifier, init_cfg)
    except ArgumentError as error:
        raise ConfigError(f'model: {error}') from error
    return classifier, _build_loss(head.get('loss') or {'type': 'CrossEntropyLoss'}, head['num_classes'])


def _build(cell: type[nn.Cell], key: str, section: Mapping[str, Any]) -> nn.Cell:
    """Build a cell from the arguments in a section of the config."""
    arguments = {name: value for name, value in section.items() if name != 'type'}
    try:
        return cell(**arguments)
    except ArgumentError as error:
        raise ConfigError(f'{key}: {error}') from error


def _build_backbone(section: Mapping[str, Any]) -> ShuffleNet:
    return _build(choose(section, 'model.backbone', _SCOPED_BACKBONES), 'model.backbone', section)


def _build_neck(section: Mapping[str, Any]) -> nn.Cell:
    key, own = 'model.neck', f'{SCOPE}.{GlobalAveragePooling.__name__}'
    is_own = choose(section, key, {GlobalAveragePooling.__name__: False, own: True})
    check_keys(section, key, ('dropout',) if is_own else ('dim',))
    require(section.get('dim', 2) == 2, f'{key}.dim', section.get('dim'), '2')
    dropout = section.get('dropout', 0.0)
    require(isinstance(dropout, (int, float)) and 0 <= dropout < 1, f'{key}.dropout', dropout, 'from 0 to below 1')
    return GlobalAveragePooling(dropout)


def _build_head(section: Mapping[str, Any], backbone: ShuffleNet) -> LinearClsHead:
    key, channels = 'model.head', backbone.out_channels[-1]
    head = choose(section, key, {'LinearClsHead': LinearClsHead})
    check_keys(section, key, ('num_classes', 'in_channels', 'loss', 'topk', 'cal_acc', 'init_cfg'))
    for name in ('num_classes', 'in_channels'):
        if name not in section:
            raise ConfigError(f'{key}.{name} is missing; LinearClsHead needs it')
    require(
        section['in_channels'] in (AUTO, channels),
        f'{key}.in_channels',
        section['in_channels'],
        f'{channels}, the channels of the backbone, or {AUTO!r}',
    )
    require(not section.get('cal_acc'), f'{key}.cal_acc', section.get('cal_acc'), 'False')
    init_cfg = section.get('init_cfg') or {'type': 'Normal', 'layer': 'Linear', 'std': 0.01}
    plain = isinstance(init_cfg, Mapping) and (init_cfg.get('type'), init_cfg.get('layer')) == ('Normal', 'Linear')
    require(
        plain and set(init_cfg) <= {'type', 'layer', 'std'},
        f'{key}.init_cfg',
        init_cfg,
        "dict(type='Normal', layer='Linear', std=...)",
    )
    arguments = {'num_classes': section['num_classes'], 'in_channels': channels, 'std': init_cfg.get('std', 1.0)}
    return _build(head, key, arguments)


def _build_loss(section: Mapping[str, Any], num_classes: int) -> nn.Cell:
    key = 'model.head.loss'
    loss = choose(section, key, _LOSSES)
    # What mmpretrain's losses do without being asked needs no argument here.
    for name, default in (('reduction', 'mean'), ('use_sigmoid', False), ('pos_weight', None)):
        require(section.get(name, default) in (default, None), f'{key}.{name}', section.get(name), repr(default))
    if loss is LabelSmoothLoss:
        require(
            section.get('num_classes') in (None, num_classes),
            f'{key}.num_classes',
            section.get('num_classes'),
            f'{num_classes}, as in the head',
        )
    implied = ('reduction', 'use_sigmoid', 'pos_weight', 'use_soft')
    weight = section.get('class_weight')
    require(
        weight is None or len(weight) == num_classes, f'{key}.class_weight', weight, f'a list of {num_classes} numbers'
    )
    check_keys(section, key, (*implied, *inspect.signature(loss).parameters))
    return _build(loss, key, {name: value for name, value in section.items() if name not in implied})
