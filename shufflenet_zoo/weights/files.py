"""Weight files: read by what they begin with, written by suffix and at once, with a description beside or inside."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import ArgumentError, CheckpointError, first_names
from shufflenet_zoo.weights import (
    description,
    file_ckpt,
    file_folder,
    file_npz,
    file_pickle,
    file_safetensors,
    file_torch,
)
from shufflenet_zoo.weights.content import Content, open_archive
from shufflenet_zoo.weights.convert import Weights
from shufflenet_zoo.weights.description import Description
from shufflenet_zoo.weights.layouts import CANONICAL
from shufflenet_zoo.weights.recognise import identify

# What is written, by suffix.
_FORMATS: dict[str, ModuleType] = {
    '.pth': file_torch,
    '.pt': file_torch,
    '.pth.tar': file_torch,
    '.safetensors': file_safetensors,
    '.ckpt': file_ckpt,
    '.npz': file_npz,
}
# What is read, by the first bytes; zip archives and safetensors files are told by more than these.
_BEGINNINGS: tuple[tuple[bytes, ModuleType], ...] = (
    *((bytes((0x80, protocol)), file_pickle) for protocol in range(2, 6)),
    (b'\n', file_ckpt),  # the first field of a protocol buffer
)
# The number that begins PyTorch's files from before its zip archives, within a first pickle.
_OLD_TORCH = bytes.fromhex('6cfc9c46f9206aa85019')
_ZIP = b'PK\x03\x04'
# Members of programs that torch.export saved, now and before.
_PROGRAMS = ('models/model.json', 'serialized_exported_program.json')
_ZIPPED: tuple[tuple[str, ModuleType], ...] = (('data.pkl', file_torch), ('.npy', file_npz))
# What people bring instead of weights, by the first bytes, and what would be right.
_FOREIGN = (
    (b'version https://git-lfs', 'is a pointer of Git LFS, not the file; fetch the file with `git lfs pull`'),
    (b'<', 'is a web page; download the file itself'),
    (b'\x89HDF\r\n', 'is an HDF5 file; save its arrays by name with numpy.savez and give that'),
    (b'\x1f\x8b', 'is compressed by gzip; unpack it first'),
    (b'\x08', 'begins like an ONNX model; give the weights that it was made from'),
)
SIDECAR_SUFFIX = '.json'
# The key of the described file's checksum in a sidecar.
_DIGEST = 'sha256'


def _format(path: Path) -> ModuleType:
    """Return the format that a suffix names."""
    for suffix, module in _FORMATS.items():
        if path.name.endswith(suffix):
            return module
    raise CheckpointError(f'{path}: the format follows from the suffix, which must be one of {", ".join(_FORMATS)}')


def format_of(path: str | Path) -> ModuleType:
    """Return the module that reads a file or a folder, by its content; the suffix says nothing.

    Raises:
        CheckpointError: if the file is missing, or of no known format.
    """
    path = Path(path)
    if path.is_dir():
        return file_folder
    if not path.is_file():
        raise CheckpointError(f'checkpoint {path} does not exist; give a weight file')
    try:
        size = path.stat().st_size
        with path.open('rb') as stream:
            start = stream.read(64)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from error
    if not start:
        raise CheckpointError(f'checkpoint {path} is empty; give a weight file')
    if start[8:9] == b'{' and int.from_bytes(start[:8], 'little') <= size:
        return file_safetensors
    if start.startswith(_ZIP):
        return _zipped_format(path)
    if _OLD_TORCH in start:
        return file_torch
    for beginning, module in _BEGINNINGS:
        if start.startswith(beginning):
            return module
    for beginning, words in _FOREIGN:
        if start.startswith(beginning):
            raise CheckpointError(f'checkpoint {path} {words}')
    raise CheckpointError(
        f'checkpoint {path} is damaged or no weight file: it begins like none of PyTorch, MindSpore, safetensors or '
        f'numpy'
    )


def _zipped_format(path: Path) -> ModuleType:
    try:
        with open_archive(path) as archive:
            names = archive.namelist()
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {error}') from error
    if any(name.endswith(_PROGRAMS) for name in names):
        raise CheckpointError(
            f'checkpoint {path} is a program of torch.export, which is code; give the checkpoint that it was made from'
        )
    for ending, module in _ZIPPED:
        if any(name.endswith(ending) for name in names):
            return module
    raise CheckpointError(
        f'checkpoint {path} is a zip archive of {first_names(names)}; unpack it and give the weight file in it'
    )


def sidecar_path(path: str | Path) -> Path:
    """Return where the description of a file lies that has no place for it inside."""
    return Path(path).with_name(Path(path).name + SIDECAR_SUFFIX)


def read_content(path: str | Path) -> Content:
    """Read the tensors of a file, and the description inside or beside it; or those of a folder.

    Raises:
        CheckpointError: if the file is missing, damaged, of no known format, or would run code; or if the
            description beside it is of another file.
        DependencyError: if the format needs a package that is not installed.
    """
    path = Path(path)
    module = format_of(path)
    try:
        content = module.read(path)
        if content.description is None and sidecar_path(path).is_file():
            return Content(content.tensors, _read_sidecar(path))
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from error
    return content


def _read_sidecar(path: Path) -> Description:
    sidecar = sidecar_path(path)
    text = sidecar.read_bytes()
    said = description.parse(text, sidecar)
    if json.loads(text).get(_DIGEST) != _digest(path):
        raise CheckpointError(f'{sidecar} describes another file than {path}; delete the one that is out of date')
    return said


def _digest(path: Path) -> str:
    with path.open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def read_weights(
    path: str | Path,
    layout: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    prefix: str | None = None,
    part: str | None = None,
) -> Weights:
    """Read a file and recognise what is in it.

    Args:
        path: A file of PyTorch, safetensors, MindSpore or numpy, whatever its suffix.
        layout: Name of the layout. Default: None, what the file says, else what the names show.
        backbone: Backbone arguments that are known; they overrule what the file says.
        prefix: What the names of the network begin with, where the file has several. Default: None, found.
        part: 'backbone' to leave out the classifier and all else. Default: None, all of the network.

    Raises:
        CheckpointError: if the file cannot be read, or does not hold one ShuffleNet.
        DependencyError: if the format needs a package that is not installed.
    """
    return recognise(read_content(path), path, layout, backbone, prefix, part)


def recognise(
    content: Content,
    path: str | Path,
    layout: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    prefix: str | None = None,
    part: str | None = None,
) -> Weights:
    """Recognise what was read of a file; see ``read_weights``.

    Raises:
        CheckpointError: if it does not hold one ShuffleNet.
    """
    said = content.description
    known = ({'type': said.architecture.family, **said.architecture} if said else {}) | dict(backbone or {})
    try:
        weights = identify(content.tensors, layout or (said.layout if said else None), known, prefix, part)
    except (ArgumentError, CheckpointError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    if said is None:
        return weights
    return replace(weights, class_names=said.class_names, preprocessing=said.preprocessing, act_cfg=said.act_cfg)


def write_weights(path: str | Path, weights: Weights) -> None:
    """Write weights with their description, as ``write_content`` does.

    Raises:
        CheckpointError: if the file cannot be written.
        DependencyError: if the format needs a package that is not installed.
    """
    tensors = {weights.prefix(key) + key: value for key, value in weights.tensors.items()}
    write_content(path, Content(tensors, weights.description))


def write_content(path: str | Path, content: Content) -> None:
    """Write tensors and their description, replacing the file at once or leaving it as it was.

    The description goes into the file where the format and the weights' readers allow it, else beside it into
    <file>.json with the file's checksum. Killed between the two, a file is without description, never with another's.

    Raises:
        CheckpointError: if the file cannot be written.
        DependencyError: if the format needs a package that is not installed.
    """
    path = Path(path)
    module, said = _format(path), content.description
    # Other publishers' readers of PyTorch files expect a bare state dict, and a .ckpt holds tensors alone.
    inside = module in (file_safetensors, file_npz) or (module is file_torch and said and said.layout == CANONICAL)
    try:
        beside = replacing(sidecar_path(path)) if said and not inside else nullcontext()
        with beside as sidecar, replacing(path) as weight_file:
            module.write(weight_file, content if inside else Content(content.tensors))
            if sidecar:
                sidecar.write_text(json.dumps(said.as_dict() | {_DIGEST: _digest(weight_file)}, indent=2))
            # The old description goes first: killed here, the file has none rather than that of another.
            sidecar_path(path).unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be written: {error.strerror or error}') from error
