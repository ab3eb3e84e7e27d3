"""Safetensors files, without any framework."""

import json
import struct
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import description
from shufflenet_zoo.weights.content import Content, bfloat16, check_bytes, check_names

_TYPES = {'F64': 'float64', 'F32': 'float32', 'F16': 'float16', 'BF16': 'bfloat16', 'I64': 'int64', 'I32': 'int32'}


def read(path: Path) -> Content:
    """Read the tensors and the description in the header."""
    data = path.read_bytes()
    try:
        listed = deserialize(data)
    except SafetensorError as error:
        raise CheckpointError(f'{path} is damaged or no safetensors file: {error}') from error
    header = json.loads(data[8 : 8 + struct.unpack('<Q', data[:8])[0]], object_pairs_hook=_unique(path))
    tensors = {}
    for name, tensor in listed:
        if tensor['dtype'] not in _TYPES:
            raise CheckpointError(
                f'{path}: tensor {name} is of type {tensor["dtype"]}; weights must be fp32, fp16 or bf16'
            )
        kind = _TYPES[tensor['dtype']]
        dtype = bfloat16() if kind == 'bfloat16' else np.dtype(kind)
        check_bytes(name, tuple(tensor['shape']), dtype.itemsize, len(tensor['data']), path)
        tensors[name] = np.frombuffer(bytes(tensor['data']), dtype).reshape(tensor['shape'])
    text = header.get('__metadata__', {}).get(description.KEY)
    return Content(tensors, description.parse(text, path) if text else None)


def _unique(path: Path):
    """A hook for JSON objects that refuses names given twice, of which JSON would keep one."""

    def build(pairs: list) -> dict:
        check_names((name for name, _ in pairs), path)
        return dict(pairs)

    return build


def write(path: Path, content: Content) -> None:
    """Write the tensors, with the description in the header."""
    arrays = {name: np.array(array, order='C') for name, array in content.tensors.items()}
    said = {description.KEY: json.dumps(content.description.as_dict())} if content.description else {}
    save_file(arrays, path, {'format': 'np', **said})
