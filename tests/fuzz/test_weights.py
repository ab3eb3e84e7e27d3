"""Any change to weights in any layout: refused by a class of ours, or converted there and back to the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
from helpers.layout_weights import make_weights
from helpers.strategies import VALUES, mostly
from hypothesis import event, given, settings
from hypothesis import strategies as st

from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.weights import Weights, convert
from shufflenet_zoo.weights.layouts import LAYOUT_NAMES
from shufflenet_zoo.weights.recognise import identify

V1 = {'type': 'ShuffleNetV1', 'groups': 1, 'widen_factor': 0.25, 'width_rule': 'paper'}
V2 = {'type': 'ShuffleNetV2', 'widen_factor': 0.25}
SOURCES = {
    ('openmmlab', 'V1'): V1,
    ('openmmlab', 'V2'): V2,
    ('mindspore', 'V2'): V2,
    ('torchvision', 'V2'): V2,
    ('megvii', 'V1'): V1 | {'shuffle_order': 'megvii'},
    ('mindcv', 'V1'): V1 | {'shuffle_order': 'megvii', 'pool_padding': 'same'},
    ('pytorchcv', 'V1'): V1,
    ('paddleclas', 'V2'): V2,
}
STATES = {name: make_weights(name[0], backbone, classes=2).tensors for name, backbone in SOURCES.items()}
KNOWN = mostly(
    st.just({}),
    st.dictionaries(st.sampled_from(['groups', 'widen_factor', 'shuffle', 'pool_padding', 'typo']), VALUES, max_size=1),
)


def dropped(state: dict[str, Any], key: str, _: int) -> None:
    del state[key]


def renamed(state: dict[str, Any], key: str, seed: int) -> None:
    state[key[1:] if seed % 2 else f'{key}.x'] = state.pop(key)


def cut(state: dict[str, Any], key: str, seed: int) -> None:
    if state[key].size and state[key].ndim:
        state[key] = np.delete(state[key], 0, axis=seed % state[key].ndim)


def padded(state: dict[str, Any], key: str, _: int) -> None:
    state[key] = np.concatenate([state[key], state[key]]) if state[key].ndim else np.zeros(2, np.float32)


def flattened(state: dict[str, Any], key: str, _: int) -> None:
    state[key] = state[key].reshape(1, -1)


def spoilt(state: dict[str, Any], key: str, seed: int) -> None:
    array = np.array(state[key], np.float32)
    array.reshape(-1)[seed % max(array.size, 1) :] = (np.nan, np.inf, -np.inf)[seed % 3]
    state[key] = array


def retyped(state: dict[str, Any], key: str, seed: int) -> None:
    state[key] = state[key].astype(('int32', 'uint8', 'bool', 'complex64', 'str', 'object')[seed % 6])


# Each makes weights that no network has.
FAULTS = (dropped, renamed, cut, padded, flattened, spoilt, retyped)


def is_counter(key: str) -> bool:
    """Whether a network is the same whatever is in that tensor, and without it."""
    return key.endswith('num_batches_tracked')


def is_harmless(fault: Callable, key: str, weights: Weights) -> bool:
    """Whether a fault leaves the weights of a network: of a backbone alone, or with other classes."""
    head = f'{weights.layout.head}.'
    has_head = any(name.startswith(head) for name in weights.tensors)
    other_classes = fault in (cut, padded) and not weights.layout.head_bias
    return is_counter(key) or (key.startswith(head) and (not has_head or other_classes))


@settings(max_examples=700)
@given(
    st.sampled_from([*STATES]),
    st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 10**4)), max_size=2),
    st.sampled_from(LAYOUT_NAMES),
    KNOWN,
)
def test_faults_of_weights(source, faults, target, known):
    state = dict(STATES[source])
    spoilt_keys = []
    for fault, seed in faults:
        key = sorted(state)[seed % len(state)]
        fault(state, key, seed)
        spoilt_keys.append((fault, key))
    try:
        weights = identify(state, backbone=known)
        found = convert(weights, target)
    except (ArgumentError, CheckpointError) as error:
        event('refused')
        assert str(error) and '\n' not in str(error)
        return
    event('converted')
    assert all(is_harmless(fault, key, weights) for fault, key in spoilt_keys), spoilt_keys
    back = convert(found, source[0]).tensors
    assert all(np.array_equal(back[key], value) for key, value in weights.tensors.items() if not is_counter(key))
