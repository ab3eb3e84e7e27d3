"""Conversion of weights between layouts: pure functions over {name: numpy array}, strict in both directions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shufflenet_zoo.arch import Plan, plan_backbone
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.backbone_options import complete, difference
from shufflenet_zoo.weights.layouts import (
    CANONICAL,
    COUNTER,
    HEAD,
    LAST_CONV,
    LAYOUT_NAMES,
    LAYOUTS,
    V1,
    V2,
    Entry,
    Layout,
    channel_orders,
    entries,
)
from shufflenet_zoo.weights.permutations import PermutationError

# The argument that names the shuffle.
SHUFFLES = {V1: 'shuffle_order', V2: 'shuffle'}
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Weights:
    """The weights of one network in one layout.

    Attributes:
        layout: The layout.
        backbone: Every architecture argument of the backbone that computes what the network of this layout computes,
            and its 'type'.
        tensors: The layout's tensors by name, without the prefixes that wrappers add.
        notes: What the user should know about how these weights were understood or converted, a line each.
    """

    layout: Layout
    backbone: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        return plan_backbone(self.backbone)

    @property
    def has_slopes(self) -> bool:
        """Whether the activations are PReLU, whose slopes are weights."""
        return any('.activate.' in key for key in self.tensors)

    def prefix(self, key: str) -> str:
        """What goes before a tensor's name in a file."""
        return '' if key.startswith(f'{HEAD}.') else self.layout.prefix


def convert(weights: Weights, to: str) -> Weights:
    """Convert weights into another layout.

    Args:
        weights: The weights; ``identify`` makes them from bare tensors.
        to: Name of the layout, one of LAYOUT_NAMES.

    Returns:
        The converted weights. Channels are permuted where that makes the target's shuffle compute the same; our own
        layouts take their default shuffle where that is possible and else keep the source's.

    Raises:
        CheckpointError: if a tensor is missing, left over or of another shape, or the target cannot express the
            network.
    """
    target, backbone, notes = choose_target(weights, to)
    plan = plan_backbone(backbone)
    return Weights(target, backbone, encode(decode(weights, plan), target, plan), weights.notes + notes)


def choose_target(weights: Weights, to: str) -> tuple[Layout, dict[str, Any], tuple[str, ...]]:
    """Choose the layout of a name that can express a network.

    Returns:
        The layout, the backbone arguments of the network as it is there, and notes for the user.

    Raises:
        CheckpointError: if there is none, with the options that would be needed.
    """
    named = [layout for layout in LAYOUTS if layout.name == to]
    if not named:
        raise CheckpointError(f'layout {to!r} is unknown; known are {", ".join(LAYOUT_NAMES)}')
    family = weights.layout.family
    candidates = [layout for layout in named if layout.family == family]
    if not candidates:
        raise CheckpointError(f'layout {to!r} has no {family}; {_holders(weights)}')
    reasons = []
    for target in candidates:
        backbone = dict(weights.backbone) | dict(target.options)
        wrong = difference(weights.backbone, backbone, ignore=SHUFFLES.values())
        if wrong:
            reasons.append(_listed(wrong))
            continue
        if target.is_ours and not weights.layout.is_ours:
            return target, *_prefer_our_shuffle(weights, backbone)
        if not _can_permute(weights, backbone):
            key = SHUFFLES[family]
            reasons.append(
                f'{key}={backbone[key]!r}, and no permutation of channels turns {weights.backbone[key]!r} '
                f'into it at these widths'
            )
            continue
        return target, backbone, ()
    raise CheckpointError(
        f'layout {to!r} cannot express these weights: it has {" or ".join(reasons)}; '
        f'the weights need {_needs(weights, candidates)}; {_holders(weights)}'
    )


def _prefer_our_shuffle(weights: Weights, backbone: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    key = SHUFFLES[weights.layout.family]
    own, default = backbone[key], complete({'type': weights.layout.family})[key]
    if own == default:
        return backbone, ()
    permuted = backbone | {key: default}
    if _can_permute(weights, permuted):
        return permuted, (f'channels permuted: {key}={own!r} became {default!r}, the default',)
    return backbone, (
        f'no permutation of channels turns {key}={own!r} into {default!r} at these widths; the backbone '
        f'needs {key}={own!r}',
    )


def _can_permute(weights: Weights, backbone: Mapping[str, Any]) -> bool:
    try:
        channel_orders(own_structure(weights), plan_backbone(backbone))
    except PermutationError:
        return False
    return True


def own_structure(weights: Weights) -> Layout:
    """Return the layout of weights with the shuffle that these have, which our own layouts leave open."""
    key = SHUFFLES[weights.layout.family]
    return replace(weights.layout, options=dict(weights.layout.options) | {key: weights.backbone[key]})


def _needs(weights: Weights, candidates: list[Layout]) -> str:
    keys = dict.fromkeys(key for target in candidates for key in target.options)
    fixed = {key: weights.backbone[key] for key in keys}
    return _listed(
        {
            key: value
            for key, value in fixed.items()
            if any(target.options.get(key, value) != value for target in candidates)
        }
    )


def _listed(options: Mapping[str, Any]) -> str:
    return ', '.join(f'{key}={value!r}' for key, value in options.items())


def _holders(weights: Weights) -> str:
    names = [
        layout.name
        for layout in LAYOUTS
        if layout.family == weights.layout.family
        and not difference(
            weights.backbone, own := dict(weights.backbone) | dict(layout.options), ignore=SHUFFLES.values()
        )
        and (layout.is_ours or _can_permute(weights, own))
    ]
    return f'layouts that can express them: {", ".join(dict.fromkeys(names))}'


def head_classes(weights: Weights) -> int | None:
    """Return the classes of the classifier in the weights, None where they have none."""
    weight = weights.tensors.get(f'{weights.layout.head}.weight')
    return None if weight is None else (*weight.shape, 0)[0]


def decode(weights: Weights, plan: Plan) -> dict[str, np.ndarray]:
    """Return the canonical tensors of weights, with their channels in the order of a plan.

    Raises:
        CheckpointError: if a tensor is missing, left over, of another shape, not of floating point or not finite.
    """
    layout = own_structure(weights)
    present = _present_entries(entries(layout, plan, head_classes(weights)), weights)
    _check_tensors(present, weights)
    canonical = {}
    for entry in present:
        parts = [weights.tensors[key] for key in entry.keys if key in weights.tensors]
        if not parts:
            continue
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        canonical[entry.key] = _permuted(joined, entry.index)
    if f'{HEAD}.weight' in canonical and not layout.head_bias:
        weight = canonical[f'{HEAD}.weight']
        canonical[f'{HEAD}.bias'] = np.zeros(weight.shape[0], weight.dtype)
    return canonical


def encode(canonical: Mapping[str, np.ndarray], layout: Layout, plan: Plan) -> dict[str, np.ndarray]:
    """Return a layout's tensors of canonical ones; the inverse of decode.

    Raises:
        CheckpointError: if the layout has no place for a tensor.
    """
    tensors, used = {}, set()
    num_classes = len(canonical[f'{HEAD}.weight']) if f'{HEAD}.weight' in canonical else None
    for entry in entries(layout, plan, num_classes):
        used.add(entry.key)
        array = canonical.get(entry.key)
        if array is None:
            if entry.key.endswith(COUNTER) and f'{entry.key.removesuffix(COUNTER)}weight' in canonical:
                tensors[entry.keys[0]] = np.zeros((), np.int64)
            continue
        array = _permuted(array, entry.index, inverse=True)
        pieces = np.split(array, len(entry.keys)) if len(entry.keys) > 1 else [array]
        tensors |= {key: np.array(piece, order='C') for key, piece in zip(entry.keys, pieces, strict=True)}
    left = [key for key in canonical if key not in used and not key.endswith(COUNTER)]
    if left == [f'{HEAD}.bias'] and not layout.head_bias:
        if np.any(canonical[left[0]] != 0):
            raise CheckpointError(
                f'layout {layout.name!r} has a classifier without bias, but {left[0]} is not zero; '
                f'{CANONICAL!r} keeps it'
            )
    elif left:
        raise CheckpointError(f'layout {layout.name!r} has no place for {_shown(left)}')
    return tensors


def _permuted(array: np.ndarray, index: np.ndarray | None, inverse: bool = False) -> np.ndarray:
    """Reorder the rows of an array, or its (row, column) pairs if the index has as many."""
    if index is None:
        return array
    flat = array.reshape(len(index), -1)
    if not inverse:
        return flat[index].reshape(array.shape)
    result = np.empty_like(flat)
    result[index] = flat
    return result.reshape(array.shape)


def _present_entries(listed: list[Entry], weights: Weights) -> list[Entry]:
    """Leave out the parts of which the weights have nothing: the head, or the head and the last convolution."""
    parts = {entry.part for entry in listed if any(key in weights.tensors for key in entry.keys)}
    has_last = any(entry.part == LAST_CONV for entry in listed)
    if has_last and HEAD in parts and LAST_CONV not in parts:
        raise CheckpointError(
            f'the weights in layout {weights.layout.name!r} have a classifier but no last convolution before it'
        )
    return [entry for entry in listed if entry.part in parts | {'backbone'}]


def _check_tensors(present: list[Entry], weights: Weights) -> None:
    expected = {key: entry for entry in present for key in entry.keys}
    missing = [key for key, entry in expected.items() if key not in weights.tensors and not entry.optional]
    left_over = [key for key in weights.tensors if key not in expected]
    resized = [
        f'{key} {weights.tensors[key].shape} instead of {entry.key_shape}'
        for key, entry in expected.items()
        if key in weights.tensors and entry.key_shape is not None and weights.tensors[key].shape != entry.key_shape
    ]
    faults = [_count(missing, 'missing'), _count(left_over, 'left over'), _count(resized, 'of another shape')]
    if any(faults):
        raise CheckpointError(
            f'the weights do not fit layout {weights.layout.name!r} with '
            f'{_listed(_told(weights.backbone))}: {"; ".join(filter(None, faults))}'
        )
    for key in expected:
        array = weights.tensors.get(key)
        if array is None or key.endswith(COUNTER):
            continue
        if not is_float(array.dtype):
            raise CheckpointError(f'tensor {key} is of type {array.dtype}; weights must be floating point')
        if not np.isfinite(array).all():
            raise CheckpointError(f'tensor {key} has values that are not finite (NaN or infinite); the file is spoilt')


def is_float(dtype: np.dtype) -> bool:
    """Whether a type is one of floating point; bfloat16 is one that numpy itself does not know."""
    return dtype.kind == 'f' or dtype.name == 'bfloat16'


def _told(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from their defaults, and the main ones."""
    defaults = complete({'type': backbone['type']})
    return {
        key: value
        for key, value in backbone.items()
        if key in ('type', 'groups', 'widen_factor') or defaults[key] != value
    }


def _count(names: list[str], what: str) -> str:
    return f'{len(names)} tensor{"s" if len(names) > 1 else ""} {what} ({_shown(names)})' if names else ''


def _shown(names: list[str]) -> str:
    return ', '.join(names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
