"""What a weight file says about itself: layout, network, class names, preprocessing."""

import ast
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shufflenet_zoo import __version__
from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.weights.layouts import CANONICAL, LAYOUT_NAMES

# The key of the description within a file.
KEY = 'shufflenet_zoo'
# Steps of a pipeline that read files or hand the image over; they say nothing about what the network gets.
_TRANSPORT = ('LoadImageFromFile', 'PackInputs')
_DEFAULT_ACTIVATION = 'ReLU'
# Names of one activation.
_SYNONYMS = {'Swish': 'SiLU'}
# A registered class, without the module or scope that it is of.
_CLASS_NAME = re.compile(r'[A-Z]\w*')
_PREPROCESSOR_KEYS = ('mean', 'std', 'to_rgb')

logger = logging.getLogger('shufflenet_zoo')


@dataclass(frozen=True)
class Description:
    """What a weight file says about itself.

    Attributes:
        architecture: The network.
        layout: Name of the layout.
        act_cfg: The activation's config where it is known to be no ReLU, else None.
        class_names: Names of the classes, empty where they are not known.
        preprocessing: What becomes of an image: 'mean' and 'std' in grey levels and 'to_rgb' as in a config's
            data_preprocessor, and 'pipeline', the test transforms. None where it is not known.
    """

    architecture: Architecture
    layout: str = CANONICAL
    act_cfg: Mapping[str, Any] | None = None
    class_names: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] | None = None

    @property
    def backbone(self) -> dict[str, Any]:
        """The backbone arguments that reproduce the network."""
        return self.architecture.reduced() | ({'act_cfg': dict(self.act_cfg)} if self.act_cfg else {})

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        known = {'class_names': list(self.class_names), 'preprocessing': self.preprocessing}
        return {
            'version': __version__,
            'layout': self.layout,
            'backbone': self.backbone,
            **{key: value for key, value in known.items() if value},
        }


def from_dict(content: Any, path: object) -> Description:
    """Read what ``as_dict`` returned.

    Raises:
        CheckpointError: if it is no description, or its layout, network or a name is none.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{path}: the description of the weights must be a dict, not {type(content).__name__}')
    if not {'layout', 'backbone'} <= content.keys():
        raise CheckpointError(f'{path}: describes no weights of ours: it has no layout and backbone')
    if content.get('layout') not in LAYOUT_NAMES:
        raise CheckpointError(
            f'{path}: the description names the layout {content.get("layout")!r}; known are {", ".join(LAYOUT_NAMES)}'
        )
    backbone, names = content.get('backbone'), content.get('class_names') or []
    preprocessing = content.get('preprocessing')
    if not isinstance(backbone, Mapping) or not isinstance(preprocessing, Mapping | None):
        raise CheckpointError(f'{path}: the description must have a backbone, and this and preprocessing must be dicts')
    pipeline = (preprocessing or {}).get('pipeline', [])
    if not isinstance(pipeline, list) or not all(isinstance(step, Mapping) for step in pipeline):
        raise CheckpointError(f'{path}: the pipeline in the description must be a list of dicts')
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(f'{path}: the class names in the description must be texts')
    try:
        architecture = Architecture.of(backbone)
    except (ArgumentError, TypeError) as error:
        raise CheckpointError(f'{path}: the description of the weights has no backbone of ours: {error}') from error
    act_cfg = backbone.get('act_cfg')
    if act_cfg is not None and not activation_of(act_cfg):
        raise CheckpointError(f"{path}: act_cfg must be a dict with a type such as 'PReLU', got {act_cfg!r}")
    check_types(act_cfg, f'{path}: act_cfg')
    return Description(architecture, content['layout'], known_activation(act_cfg), tuple(names), preprocessing)


def activation_of(act_cfg: Any) -> str:
    """Return the one name of an activation's type; empty for what is no plain name, of which mmengine imports any."""
    kind = act_cfg.get('type') if isinstance(act_cfg, Mapping) else None
    return _SYNONYMS.get(kind, kind) if isinstance(kind, str) and kind.isidentifier() else ''


def known_activation(act_cfg: Any) -> dict[str, Any] | None:
    """Return an activation's config as descriptions have it: None where it is ReLU, or has no plain name."""
    return _plain(act_cfg) if activation_of(act_cfg) not in ('', _DEFAULT_ACTIVATION) else None


def check_types(value: Any, where: str) -> None:
    """Check that all that a file wants built are layers and transforms by their names alone.

    mmengine imports and calls whatever a dotted name leads to, and imports what a scope names.

    Raises:
        CheckpointError: if a type at any depth is something else, or there is a scope.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == '_scope_' or (key == 'type' and not (isinstance(inner, str) and _CLASS_NAME.fullmatch(inner))):
                raise CheckpointError(f"{where} has {key}={inner!r}; a file may name classes such as 'ReLU' alone")
            check_types(inner, where)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            check_types(inner, where)


def parse(text: str | bytes, path: object) -> Description:
    """Read a description from JSON.

    Raises:
        CheckpointError: if the text is no JSON, or no description.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path}: the description of the weights is damaged: it is no JSON') from error
    return from_dict(content, path)


def describe_config(
    model: Mapping[str, Any],
    data_preprocessor: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
    class_names: Sequence[str] = (),
) -> Description | None:
    """Describe the weights of a config's model; None: its backbone is none of ours.

    Args:
        model: The config's ``model``.
        data_preprocessor: The config's own, where the model has none.
        dataset: The innermost data set of its test dataloader, which has the pipeline.
        class_names: Names of the classes.
    """
    backbone = model.get('backbone') or {}
    try:
        architecture = Architecture.of(backbone)
    except ArgumentError:  # another project's backbone
        return None
    normalisation = model.get('data_preprocessor') or data_preprocessor or {}
    preprocessing = {key: normalisation[key] for key in _PREPROCESSOR_KEYS if normalisation.get(key) is not None}
    if dataset and 'pipeline' in dataset:
        steps = [step for step in dataset['pipeline'] if str(step.get('type')).rpartition('.')[2] not in _TRANSPORT]
        preprocessing['pipeline'] = [dict(step) for step in steps]
    act_cfg = known_activation(backbone.get('act_cfg'))
    return Description(architecture, CANONICAL, act_cfg, tuple(class_names), _plain(preprocessing))


def _plain(value: Any) -> Any:
    """Return JSON's form of a config's value; what has none becomes its text."""
    return json.loads(json.dumps(value, default=str)) or None


def describe_config_text(text: str, class_names: Sequence[str] = ()) -> Description | None:
    """Describe weights by the text of the config that mmengine writes into checkpoints; nothing of it is run.

    Returns:
        The description, or None if the text has no ShuffleNet.
    """
    try:
        values = {
            target.id: node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return describe_config(
            _literal(values['model']),
            _value(values, 'data_preprocessor'),
            innermost(_value(values, 'test_dataloader')),
            class_names,
        )
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def innermost(loader: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the innermost data set of a dataloader, which has the pipeline; None where there is none."""
    dataset = (loader or {}).get('dataset')
    while dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def _value(values: Mapping[str, ast.expr], name: str) -> Any:
    return _literal(values[name]) if name in values else None


def _literal(node: ast.expr) -> Any:
    """Evaluate literals, and calls of dict with keywords."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args:
        return {keyword.arg: _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


def check_wiring(
    own: Architecture | None,
    said: Description | None,
    path: str | Path,
    act_cfg: Mapping[str, Any] | None = None,
    ignore: Iterable[str] = (),
) -> None:
    """Check that the network that weights go into is the one that their file describes.

    Weights of the same shapes may belong to a network with another shuffle, pool or activation, which loading would not
    notice.
    Every way of weights into a network passes through here.

    Args:
        own: The network; None: one of another project, about which nothing is checked.
        said: What the file says. Default: None, nothing, which is logged.
        path: Named in errors.
        act_cfg: The network's activation. Default: None, unknown.
        ignore: Arguments that may differ. Default: none.

    Raises:
        CheckpointError: if it is another network, with the arguments that would be right.
    """
    if own is None:
        return
    if said is None:
        logger.warning(
            '%s does not say which shuffle, units and pools its weights were trained with: taken as fit for %s',
            path,
            own,
        )
        return
    theirs = said.architecture
    if theirs.family != own.family:
        raise CheckpointError(f'{path} holds the weights of {theirs.family}, and the network is {own.family}')
    if wrong := own.difference(theirs, ignore):
        raise CheckpointError(
            f'{path} holds the weights of a backbone with '
            + ', '.join(f'{key}={value!r} (the network has {own[key]!r})' for key, value in wrong.items())
        )
    if said.act_cfg and act_cfg and activation_of(said.act_cfg) != activation_of(act_cfg):
        raise CheckpointError(
            f'{path} holds the weights of a backbone with act_cfg={said.act_cfg!r} (the network has {dict(act_cfg)!r})'
        )
