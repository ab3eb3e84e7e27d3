"""Conversion of weights between layouts: pure functions over {name: numpy array}, strict in both directions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shufflenet_zoo.arch import V1, V2, Architecture, Plan
from shufflenet_zoo.errors import CheckpointError, first_names
from shufflenet_zoo.weights.description import Description
from shufflenet_zoo.weights.layouts import (
    CANONICAL,
    COUNTER,
    HEAD,
    LAST_CONV,
    LAYOUT_NAMES,
    LAYOUTS,
    Entry,
    Layout,
    channel_orders,
    entries,
)
from shufflenet_zoo.weights.permutations import PermutationError
from shufflenet_zoo.weights.values import fault_of, is_float

# The argument that names the shuffle.
SHUFFLES = {V1: 'shuffle_order', V2: 'shuffle'}


@dataclass(frozen=True)
class Weights:
    """The weights of one network in one layout.

    Attributes:
        layout: The layout.
        architecture: The network of ours that computes what the network of this layout computes.
        tensors: The layout's tensors by name, without the prefixes that wrappers add.
        notes: What the user should know about how these weights were understood or converted, a line each.
        class_names: Names of the classes, empty where they are not known.
        preprocessing: What becomes of an image, as in Description.
        left_out: Names of what is in the file besides.
        act_cfg: The activation's config where it is known; None: what the weights show, PReLU or else ReLU.
    """

    layout: Layout
    architecture: Architecture
    tensors: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] | None = None
    left_out: tuple[str, ...] = ()
    act_cfg: Mapping[str, Any] | None = None

    @property
    def plan(self) -> Plan:
        return self.architecture.plan

    @property
    def has_slopes(self) -> bool:
        """Whether the activations are PReLU, whose slopes are weights."""
        return any('.activate.' in key for key in self.tensors)

    @property
    def description(self) -> Description:
        """What a file of these weights says about itself."""
        act_cfg = self.act_cfg or ({'type': 'PReLU'} if self.has_slopes else None)
        return Description(self.architecture, self.layout.name, act_cfg, self.class_names, self.preprocessing)

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
    target, architecture, notes = choose_target(weights, to)
    tensors = encode(decode(weights, architecture.plan), target, architecture.plan)
    return replace(weights, layout=target, architecture=architecture, tensors=tensors, notes=weights.notes + notes)


def choose_target(weights: Weights, to: str) -> tuple[Layout, Architecture, tuple[str, ...]]:
    """Choose the layout of a name that can express a network.

    Returns:
        The layout, the network as it is there, and notes for the user.

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
        wrong = weights.architecture.difference(target.options, ignore=SHUFFLES.values())
        if wrong:
            reasons.append(_listed(wrong))
            continue
        architecture = weights.architecture.replaced(target.options)
        if target.is_ours and not weights.layout.is_ours:
            return target, *_prefer_our_shuffle(weights, architecture)
        if not _can_permute(weights, architecture):
            key = SHUFFLES[family]
            reasons.append(
                f'{key}={architecture[key]!r}, and no permutation of channels turns {weights.architecture[key]!r} '
                f'into it at these widths'
            )
            continue
        return target, architecture, ()
    raise CheckpointError(
        f'layout {to!r} cannot express these weights: it has {" or ".join(reasons)}; '
        f'the weights need {_needs(weights, candidates)}; {_holders(weights)}'
    )


def _prefer_our_shuffle(weights: Weights, architecture: Architecture) -> tuple[Architecture, tuple[str, ...]]:
    key = SHUFFLES[weights.layout.family]
    own, default = architecture[key], Architecture(weights.layout.family, {})[key]
    if own == default:
        return architecture, ()
    permuted = architecture.replaced({key: default})
    if _can_permute(weights, permuted):
        return permuted, (f'channels permuted: {key}={own!r} became {default!r}, the default',)
    return architecture, (
        f'no permutation of channels turns {key}={own!r} into {default!r} at these widths; the backbone '
        f'needs {key}={own!r}',
    )


def _can_permute(weights: Weights, architecture: Architecture) -> bool:
    try:
        channel_orders(own_structure(weights), architecture.plan)
    except PermutationError:
        return False
    return True


def own_structure(weights: Weights) -> Layout:
    """Return the layout of weights with the shuffle that these have, which our own layouts leave open."""
    key = SHUFFLES[weights.layout.family]
    return replace(weights.layout, options=dict(weights.layout.options) | {key: weights.architecture[key]})


def _needs(weights: Weights, candidates: list[Layout]) -> str:
    keys = dict.fromkeys(key for target in candidates for key in target.options)
    fixed = {key: weights.architecture[key] for key in keys}
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
        and not weights.architecture.difference(layout.options, ignore=SHUFFLES.values())
        and (layout.is_ours or _can_permute(weights, weights.architecture.replaced(layout.options)))
    ]
    return f'layouts that can express them: {", ".join(dict.fromkeys(names))}'


def head_classes(weights: Weights) -> int | None:
    """Return the classes of the classifier in the weights, None where they have none."""
    weight = weights.tensors.get(f'{weights.layout.head}.weight')
    if weight is None:
        return None
    return (weight.T if weights.layout.head_transposed else weight).shape[0] if weight.ndim else 0


def part_names(weights: Weights) -> dict[str, set[str]]:
    """Return the names that the tensors of each part have in the weights' layout: 'backbone', LAST_CONV, HEAD."""
    names: dict[str, set[str]] = {}
    for entry in entries(own_structure(weights), weights.plan, head_classes(weights)):
        names.setdefault(entry.part, set()).update(entry.keys)
    return names


def decode(weights: Weights, plan: Plan) -> dict[str, np.ndarray]:
    """Return the canonical tensors of weights, with their channels in the order of a plan.

    Raises:
        CheckpointError: if a tensor is missing, left over, of another shape, not of floating point or spoilt.
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
        canonical[entry.key] = _permuted(joined.T if entry.transposed else joined, entry.index)
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
        array = array.T if entry.transposed else array
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
        raise CheckpointError(f'layout {layout.name!r} has no place for {first_names(left)}')
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
        hint = "; --part backbone leaves out what is not the backbone's" if left_over and not missing else ''
        raise CheckpointError(
            f'the weights do not fit layout {weights.layout.name!r} with '
            f'{weights.architecture}: {"; ".join(filter(None, faults))}{hint}'
        )
    for key, entry in expected.items():
        array = weights.tensors.get(key)
        if array is None or key.endswith(COUNTER):
            continue
        if not is_float(array.dtype):
            raise CheckpointError(f'tensor {key} is of type {array.dtype}; weights must be floating point')
        if fault := fault_of(entry.key, array):
            raise CheckpointError(f'tensor {key} {fault}; the file is spoilt')


def _count(names: list[str], what: str) -> str:
    return f'{len(names)} tensor{"s" if len(names) > 1 else ""} {what} ({first_names(names)})' if names else ''
