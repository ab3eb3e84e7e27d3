"""The networks that are compared: the named variants, or a user's own model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.arch import STEM_OUTPUT, Architecture, Plan
from shufflenet_zoo.arch.variants import VARIANTS, get_variant
from shufflenet_zoo.errors import ArgumentError, CheckpointError, ConfigError
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.weights.convert import Weights, convert, decode
from shufflenet_zoo.weights.description import check_wiring
from shufflenet_zoo.weights.files import read_weights
from shufflenet_zoo.weights.layouts import CANONICAL, LAYOUTS, Layout

# Enough for a loss, and few enough to stay out of the way of the networks.
_NUM_CLASSES = 10
LOGITS = 'logits'
# Arguments that the harness sets itself, or that act on the start of a training only.
_OWN_ARGUMENTS = ('out_indices', 'init_cfg')
# One width per family, all checks in a few minutes.
FAST_VARIANTS = ('shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x')
ALL = 'all'


@dataclass(frozen=True)
class Subject:
    """A network to compare.

    Attributes:
        name: Its name in the report.
        backbone: The backbone's config dict.
        num_classes: Outputs of the classifier.
        tensors: Weights by canonical names without prefix; None: weights that carry signal are drawn.
        config: The user's config that the network comes from, or None.
    """

    name: str
    backbone: Mapping[str, Any]
    num_classes: int = _NUM_CLASSES
    tensors: Mapping[str, np.ndarray] | None = field(default=None, repr=False)
    config: Any = field(default=None, repr=False)

    @property
    def plan(self) -> Plan:
        """The plan with every stage as an output."""
        plan = self.architecture.plan
        return self.architecture.plan_with((STEM_OUTPUT, *range(len(plan.stages) + bool(plan.last_conv))))

    @cached_property
    def architecture(self) -> Architecture:
        """The network as a value."""
        return Architecture.of(self.backbone)

    @property
    def arguments(self) -> dict[str, Any]:
        """The backbone's arguments without its type, with every stage as an output."""
        own = {key: value for key, value in self.backbone.items() if key not in ('type', *_OWN_ARGUMENTS)}
        return own | {'out_indices': self.plan.out_indices}

    @property
    def family(self) -> str:
        """Name of the backbone's class."""
        return self.architecture.family

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs: 'stem', the stages, 'last_conv' and 'logits'."""
        return (*(name for name, _ in self.plan.named_parts()), LOGITS)

    def layout(self, name: str) -> Layout:
        """Return the layout of a name for this family."""
        return next(x for x in LAYOUTS if (x.name, x.family) == (name, self.family))

    def convert(self, tensors: Mapping[str, np.ndarray], to: str, back: bool = False) -> dict[str, np.ndarray]:
        """Convert canonical tensors into one of our layouts, or back."""
        source, target = (to, CANONICAL) if back else (CANONICAL, to)
        weights = Weights(self.layout(source), self.architecture, tensors)
        return dict(convert(weights, target).tensors)


def named_subjects(names: list[str]) -> list[Subject]:
    """Return variants by name; 'all' stands for every one.

    Raises:
        ArgumentError: if there is none of a name.
    """
    if ALL in names:
        names = list(VARIANTS)
    return [Subject(name, get_variant(name).backbone) for name in dict.fromkeys(names)]


def configured_subject(config_file: str, checkpoint: str | None) -> Subject:
    """Return the classifier of a config, with the weights of a checkpoint.

    Args:
        config_file: The config.
        checkpoint: A weight file in any layout and format that convert_weights.py reads. Default: None, weights
            that carry signal are drawn.

    Raises:
        ConfigError: if the config cannot be read, or its model is not one that both frameworks can build.
        CheckpointError: if the weights cannot be read, or are not those of the config's network.
    """
    config = load_config(config_file)
    model = config.get('model') or {}
    kind = str(model.get('type')).rpartition('.')[2]
    if kind != 'ImageClassifier':
        raise ConfigError(
            f'{config_file}: model.type={model.get("type")!r} exists in PyTorch only; give the config '
            f"of an 'ImageClassifier'"
        )
    backbone, num_classes = model.get('backbone') or {}, (model.get('head') or {}).get('num_classes')
    if not isinstance(num_classes, int) or num_classes < 1:
        raise ConfigError(f'{config_file}: model.head.num_classes={num_classes!r} must be a positive integer')
    try:
        subject = Subject(Path(config_file).stem, dict(backbone), num_classes, None, config)
        _ = subject.plan
    except ArgumentError as error:
        raise ConfigError(f'{config_file}: model.backbone: {error}') from error
    return subject if checkpoint is None else replace(subject, tensors=_read_tensors(subject, checkpoint))


def _read_tensors(subject: Subject, path: str) -> dict[str, np.ndarray]:
    """Read canonical weights that must be the subject's."""
    architecture = subject.architecture
    known = {key: value for key, value in architecture.items() if key in subject.backbone}
    weights = convert(read_weights(path, backbone={'type': architecture.family, **known}), CANONICAL)
    check_wiring(architecture, weights.description, path)
    head = weights.tensors.get('head.fc.weight')
    if head is not None and head.shape[0] != subject.num_classes:
        raise CheckpointError(f'{path} has {head.shape[0]} classes, and the config {subject.num_classes}')
    decoded = decode(weights, subject.plan)
    return {name: array if array.dtype.kind == 'i' else array.astype(np.float32) for name, array in decoded.items()}
