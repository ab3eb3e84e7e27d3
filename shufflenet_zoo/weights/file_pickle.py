"""Pickles of numpy arrays by name, such as Paddle's .pdparams, read by an interpreter of our own that runs no code.

Of the pickle's instructions those are understood that build dicts, texts, numbers and arrays. Arrays and their types
are stand-ins, which numpy does not see before their bytes are checked.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.content import Content, check_bytes

# The key under which Paddle keeps other names of its parameters.
_PADDLE_NAMES = 'StructuredToParameterName@@'
# Types of arrays that are read, with the order of their bytes.
_TYPES = {f'{order}{code}' for order in '<>' for code in ('f2', 'f4', 'f8', 'i4', 'i8')}
_UNDERSTOOD = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP),
    *(pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
    *(pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8),
    *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
    *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.BINGET, pickle.LONG_BINGET),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE),
)


class _Type:
    """Stands in for a numpy.dtype."""

    def __init__(self, code: str = '', *_: Any) -> None:
        self.code = code

    def take(self, state: tuple) -> None:
        """Take what numpy pickles of a type: its version and the order of its bytes."""
        self.code = f'{state[1]}{self.code}'


class _Array:
    """Stands in for a numpy.ndarray."""

    shape: tuple[int, ...] = ()
    type = _Type()
    is_fortran = False
    data = b''

    def take(self, state: tuple) -> None:
        """Take what numpy pickles of an array."""
        _, self.shape, self.type, self.is_fortran, self.data = state

    def to_numpy(self, name: str, path: Path) -> np.ndarray:
        if self.type.code not in _TYPES:
            raise CheckpointError(f'{path}: {name} is of type {self.type.code!r}; weights must be fp32 or fp16')
        dtype = np.dtype(self.type.code)
        check_bytes(name, self.shape, dtype.itemsize, len(self.data), path)
        array = np.frombuffer(self.data, dtype).reshape(self.shape, order='F' if self.is_fortran else 'C')
        return array.astype(dtype.newbyteorder('='), order='C')


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for codecs.encode, with which older pickles write bytes."""
    return text.encode({'latin1': 'latin1'}[encoding])


# What a pickle may name, and what is called instead.
_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ('numpy', 'ndarray'): lambda: None,
    ('numpy', 'dtype'): _Type,
    ('_codecs', 'encode'): _encode,
    ('collections', 'OrderedDict'): lambda: OrderedDict(),
    **{(f'numpy.{core}.multiarray', '_reconstruct'): lambda *_: _Array() for core in ('core', '_core')},
}


class _Foreign(Exception):
    """A pickle names something else."""


# The interpreter in Python: the one in C allocates as much as a file claims, and cannot be kept to some instructions.
class _Reader(pickle._Unpickler):
    dispatch: ClassVar = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _UNDERSTOOD}

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _STAND_INS:
            raise _Foreign(f'{module}.{name}')
        return _STAND_INS[module, name]

    def load_build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].take(state)

    dispatch[pickle.BUILD[0]] = load_build


def read(path: Path) -> Content:
    """Read the arrays by name."""
    try:
        content = _Reader(io.BytesIO(path.read_bytes())).load()
    except _Foreign as error:
        raise CheckpointError(
            f'checkpoint {path} holds Python objects besides arrays ({error}), which could run code; where its code is '
            f"at hand, save the arrays alone: numpy.savez('weights.npz', **arrays)"
        ) from error
    except OSError:
        raise
    except Exception as error:  # a damaged pickle makes the interpreter raise nearly anything
        raise CheckpointError(f'checkpoint {path} is damaged, or a pickle of more than arrays by name') from error
    if not isinstance(content, dict):
        raise CheckpointError(f'checkpoint {path} holds no arrays by name, but {type(content).__name__}')
    arrays = {name: value for name, value in content.items() if name != _PADDLE_NAMES}
    for name, value in arrays.items():
        if not isinstance(name, str) or not isinstance(value, _Array):
            raise CheckpointError(f'{path} holds no arrays by name: {name!r} is of type {type(value).__name__}')
    try:
        return Content({name: value.to_numpy(name, path) for name, value in arrays.items()})
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f'checkpoint {path} is damaged: it has no array where one should be') from error
