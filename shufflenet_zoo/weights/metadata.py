"""What a weight file says about itself: its layout and the backbone arguments that reproduce the network."""

import ast
import json
from collections.abc import Mapping
from typing import Any

from shufflenet_zoo import __version__
from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.weights.backbone_options import complete, reduced
from shufflenet_zoo.weights.convert import Weights
from shufflenet_zoo.weights.layouts import LAYOUT_NAMES

# The key of the description within a file.
KEY = 'shufflenet_zoo'


def describe(weights: Weights) -> dict[str, Any]:
    """Return the description of weights, of JSON's types."""
    slopes = {'act_cfg': {'type': 'PReLU'}} if weights.has_slopes else {}
    return {'version': __version__, 'layout': weights.layout.name, 'backbone': reduced(weights.backbone) | slopes}


def check(description: Any, path: object) -> dict[str, Any]:
    """Return the description if it is one.

    Raises:
        CheckpointError: if it lacks a layout or a backbone, or these are unknown.
    """
    if not isinstance(description, Mapping) or not isinstance(description.get('backbone'), Mapping):
        raise CheckpointError(f'{path}: the description of the weights must have a layout and a backbone')
    if description.get('layout') not in LAYOUT_NAMES:
        raise CheckpointError(
            f'{path}: the description names the layout {description.get("layout")!r}; known are '
            f'{", ".join(LAYOUT_NAMES)}'
        )
    unknown = description['backbone'].keys() - complete(description['backbone']).keys() - {'act_cfg'}
    if unknown:
        raise CheckpointError(f'{path}: the description has unknown backbone arguments {", ".join(sorted(unknown))}')
    return dict(description)


def parse(text: str | bytes, path: object) -> dict[str, Any]:
    """Read a description from JSON.

    Raises:
        CheckpointError: if the text is no JSON, or no description.
    """
    try:
        return check(json.loads(text), path)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise CheckpointError(f'{path}: the description of the weights is damaged: it is no JSON') from error


def backbone_of_config(text: str) -> dict[str, Any] | None:
    """Find ``model.backbone`` in the text of a config, as mmengine writes it into checkpoints; nothing is run.

    Returns:
        The backbone's arguments, or None if the text has no ShuffleNet.
    """
    try:
        model = next(
            node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == 'model' for target in node.targets)
        )
        backbone = _literal(model)['backbone']
        return complete(backbone)
    except (SyntaxError, ValueError, StopIteration, KeyError, TypeError, RecursionError, CheckpointError):
        return None


def _literal(node: ast.expr) -> Any:
    """Evaluate literals, and calls of dict with keywords."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args:
        return {keyword.arg: _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)
