"""What a weight file holds, and the checks that all formats share."""

import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shufflenet_zoo.errors import CheckpointError, DependencyError
from shufflenet_zoo.weights.description import Description

# Weights hardly compress; what unpacks to many times its size, beyond what any small file may, is a trap.
_MAX_RATIO = 20
_ALWAYS_ALLOWED = 64 * 2**20


@dataclass(frozen=True)
class Content:
    """Tensors by name, and the description if the file has one."""

    tensors: Mapping[str, np.ndarray]
    description: Description | None = None


def bfloat16() -> np.dtype:
    """Return the type that numpy lacks.

    Raises:
        DependencyError: if ml_dtypes is not installed.
    """
    try:
        import ml_dtypes
    except ImportError as error:
        raise DependencyError('bfloat16 weights need ml_dtypes: install it with `pip install ml-dtypes`') from error
    return np.dtype(ml_dtypes.bfloat16)


def check_names(names: Iterable[str], path: Path) -> None:
    """Check that no tensor is there twice.

    Raises:
        CheckpointError: if one is.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CheckpointError(f'{path} holds the tensor {name} twice')
        seen.add(name)


def check_bytes(name: str, shape: tuple[int, ...], itemsize: int, size: int, path: Path) -> None:
    """Check that a tensor has as many bytes as its shape says.

    Raises:
        CheckpointError: if it has not.
    """
    if any(side < 0 for side in shape) or math.prod(shape) * itemsize != size:
        raise CheckpointError(f'{path} is damaged: tensor {name} has {size} bytes, not those of its shape {shape}')


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive that does not unpack to far more than its own size, of which nothing is unpacked yet.

    Raises:
        CheckpointError: if it does, or is no zip archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_unpacked_size(archive, path)
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(f'{path} is damaged or no zip archive: {error}') from error


def _check_unpacked_size(archive: zipfile.ZipFile, path: Path) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_ALWAYS_ALLOWED, _MAX_RATIO * path.stat().st_size):
        raise CheckpointError(
            f'{path} would unpack to {unpacked} bytes, {unpacked // path.stat().st_size} times its '
            f'size; weights do not compress like that, so it is refused'
        )
