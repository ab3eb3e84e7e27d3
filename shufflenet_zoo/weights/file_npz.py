"""Numpy archives; nothing pickled is read."""

import io
import json
from pathlib import Path

import numpy as np

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import description
from shufflenet_zoo.weights.content import Content, bfloat16, check_bytes, check_names, open_archive

_SUFFIX = '.npy'
# Members beside the tensors: the description, and the names of tensors that numpy has no type for.
_DESCRIPTION = description.KEY
_BFLOAT16_NAMES = f'{description.KEY}_bfloat16'
_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path) -> Content:
    """Read the arrays and the description."""
    with open_archive(path) as archive:
        check_names(archive.namelist(), path)
        arrays = {name.removesuffix(_SUFFIX): _array(name, archive.read(name), path) for name in archive.namelist()}
    described = _json(arrays.pop(_DESCRIPTION, None), path)
    for name in _json(arrays.pop(_BFLOAT16_NAMES, None), path) or ():
        if not isinstance(name, str) or name not in arrays or arrays[name].dtype != np.uint16:
            raise CheckpointError(f'{path} is damaged: {name!r} is said to be a bfloat16 tensor, and is none')
        arrays[name] = arrays[name].view(bfloat16())
    return Content(arrays, None if described is None else description.from_dict(described, path))


def _array(name: str, data: bytes, path: Path) -> np.ndarray:
    if not name.endswith(_SUFFIX):
        raise CheckpointError(f'{path}: member {name} is no array')
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, _, dtype = _HEADER_READERS[version](stream)
        if dtype.hasobject:
            raise CheckpointError(f'{path}: {name} holds pickled Python objects, which could run code')
        check_bytes(name, shape, dtype.itemsize, len(data) - stream.tell(), path)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError) as error:
        raise CheckpointError(f'{path} is damaged: {name} is no array') from error


def _json(array: np.ndarray | None, path: Path):
    if array is None:
        return None
    try:
        return json.loads(array.tobytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path}: the description of the weights is damaged: it is no JSON') from error


def write(path: Path, content: Content) -> None:
    """Write the arrays, with the description as one more."""
    arrays, narrow = {}, []
    for name, array in content.tensors.items():
        if array.dtype.name == 'bfloat16':
            narrow.append(name)
            array = array.view(np.uint16)
        arrays[name] = array
    if narrow:
        arrays[_BFLOAT16_NAMES] = _text(narrow)
    if content.description:
        arrays[_DESCRIPTION] = _text(content.description.as_dict())
    # In memory: a zip file that meets a full disk complains once more when it is collected.
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    path.write_bytes(archive.getbuffer())


def _text(value) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)
