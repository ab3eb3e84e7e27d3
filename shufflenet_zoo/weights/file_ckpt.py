"""MindSpore's .ckpt files, read and written without mindspore.

Such a file is one protocol buffer: a list of (name, tensor), where a large tensor may come in several pieces.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.errors import CheckpointError, DependencyError
from shufflenet_zoo.weights.content import Content, bfloat16, check_bytes

_TYPES = {
    'Float64': 'float64',
    'Float32': 'float32',
    'Float16': 'float16',
    'BFloat16': 'bfloat16',
    'Int64': 'int64',
    'Int32': 'int32',
}
# A checksum that mindspore may append.
_CHECKSUM_MARK, _CHECKSUM_SIZE = b'crc_num', 10
# mindspore splits larger tensors, because a protocol buffer holds less than 2 GiB.
_PIECE = 512 * 2**20


@cache
def _message_class() -> Any:
    """The message of a whole file: fields by number as in mindspore's checkpoint.proto."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise DependencyError('.ckpt files need protobuf: install it with `pip install protobuf`') from error
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name='shufflenet_zoo/checkpoint.proto', package='shufflenet_zoo')
    for message, fields in (
        (
            'Tensor',
            (
                ('dims', 1, field.LABEL_REPEATED, field.TYPE_INT64, None),
                ('tensor_type', 2, field.LABEL_REQUIRED, field.TYPE_STRING, None),
                ('tensor_content', 3, field.LABEL_REQUIRED, field.TYPE_BYTES, None),
            ),
        ),
        (
            'Value',
            (
                ('tag', 1, field.LABEL_REQUIRED, field.TYPE_STRING, None),
                ('tensor', 2, field.LABEL_OPTIONAL, field.TYPE_MESSAGE, '.shufflenet_zoo.Tensor'),
            ),
        ),
        ('Checkpoint', (('value', 1, field.LABEL_REPEATED, field.TYPE_MESSAGE, '.shufflenet_zoo.Value'),)),
    ):
        added = file.message_type.add(name=message)
        for name, number, label, kind, type_name in fields:
            added.field.add(name=name, number=number, label=label, type=kind, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('shufflenet_zoo.Checkpoint'))


def read(path: Path) -> Content:
    """Read the tensors; the format has no place for a description."""
    message = _message_class()()
    from google.protobuf.message import DecodeError

    data = path.read_bytes()
    mark = -len(_CHECKSUM_MARK) - _CHECKSUM_SIZE
    if data[mark:-_CHECKSUM_SIZE] == _CHECKSUM_MARK:
        data = data[:mark]
    try:
        message.ParseFromString(data)
    except (DecodeError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is damaged, encrypted or no MindSpore checkpoint') from error
    pieces: dict[str, list] = {}
    previous = None
    for value in message.value:
        if not isinstance(value.tag, str):  # bytes that are no text
            raise CheckpointError(f'{path} is damaged: {value.tag!r} is no name of a tensor')
        if value.tag in pieces and value.tag != previous:
            raise CheckpointError(f'{path} holds the tensor {value.tag} twice')
        pieces.setdefault(value.tag, []).append(value.tensor)
        previous = value.tag
    return Content({name: _joined(name, tensors, path) for name, tensors in pieces.items()})


def _joined(name: str, tensors: list, path: Path) -> np.ndarray:
    first = tensors[0]
    if first.tensor_type not in _TYPES:
        raise CheckpointError(f'{path}: {name} is of type {first.tensor_type!r}; weights must be fp32, fp16 or bf16')
    if any((tensor.tensor_type, tensor.dims) != (first.tensor_type, first.dims) for tensor in tensors):
        raise CheckpointError(f'{path} holds the tensor {name} twice')
    kind = _TYPES[first.tensor_type]
    dtype = bfloat16() if kind == 'bfloat16' else np.dtype(kind)
    data = b''.join(tensor.tensor_content for tensor in tensors)
    # mindspore writes the shape of a scalar as (0,).
    shape = () if tuple(first.dims) == (0,) else tuple(first.dims)
    if (
        len(tensors) > 1
        and len(data) == len(tensors) * len(first.tensor_content)
        and (len(first.tensor_content) == int(np.prod(shape)) * dtype.itemsize)
    ):
        raise CheckpointError(f'{path} holds the tensor {name} twice')
    check_bytes(name, shape, dtype.itemsize, len(data), path)
    return np.frombuffer(data, dtype).reshape(shape)


def write(path: Path, content: Content) -> None:
    """Write the tensors as mindspore.save_checkpoint does."""
    names = {kind: name for name, kind in _TYPES.items()}
    with path.open('wb') as stream:
        for key, array in content.tensors.items():
            data = np.array(array, order='C').tobytes()
            for start in range(0, max(len(data), 1), _PIECE):
                message = _message_class()()
                value = message.value.add(tag=key)
                value.tensor.dims.extend(array.shape or (0,))
                value.tensor.tensor_type = names[array.dtype.name]
                value.tensor.tensor_content = data[start : start + _PIECE]
                stream.write(message.SerializeToString())
