"""What users, and files, may give in place of what is right."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

_SCALARS = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 64, 10**30, -(2**63), 0.25, 0.33, 1.0, -0.5, 3.0, 1e-300, 1e300, 1e308),
    *(float('nan'), float('inf'), 1j, np.int64(3), np.float32(0.5), np.True_, np.ones((2, 2)), np.zeros(0)),
    *('', '1', 'auto', 'stem', 'all', 'ReLU', 'é', 'a\nb', b'', b'a', ..., int, len, {1, 2}, object()),
)
# Values of any type that Python, a config, JSON or numpy has.
_ANYTHING = (
    *_SCALARS,
    *([value] for value in _SCALARS),
    *((value, value) for value in _SCALARS),
    *({key: value} for value in _SCALARS for key in ('type', 'a', 3)),
    *([], (), {}, [[]], [{'type': 'ReLU'}], {'type': {'type': 'BN'}}, range(3)),
)
# Copies: a test may go on to change what it has drawn.
VALUES = st.integers(0, len(_ANYTHING) - 1).map(lambda index: copy.deepcopy(_ANYTHING[index]))


def mostly(right: st.SearchStrategy, wrong: st.SearchStrategy = VALUES) -> st.SearchStrategy:
    """Draw from what is right, and now and then from what is wrong."""
    return st.integers(0, 11).flatmap(lambda die: right if die else wrong)


def arguments(choices: Mapping[str, st.SearchStrategy]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw keyword arguments: any of those of the table, mostly from its values, now and then one of another name."""
    known = st.fixed_dictionaries({}, optional={name: mostly(values) for name, values in choices.items()})
    unknown = mostly(st.just({}), st.dictionaries(st.text(max_size=6), VALUES, max_size=1))
    return st.builds(lambda first, second: second | first, known, unknown)
