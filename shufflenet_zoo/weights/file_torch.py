"""PyTorch files: read by torch's weights_only reader, so that no pickle can run code."""

import pickle
import re
import warnings
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.errors import CheckpointError, DependencyError
from shufflenet_zoo.weights import description
from shufflenet_zoo.weights.content import Content, bfloat16, open_archive
from shufflenet_zoo.weights.description import Description

# mmengine puts the averaged weights under 'state_dict' and these beside them.
_WITHOUT_AVERAGING = 'ema_state_dict'
# Wrappers around a state dict that are looked into.
_DEPTH = 3
# A member that programs of TorchScript have and checkpoints have not.
_PROGRAM_MEMBER = '/constants.pkl'
_HOW_TO_SAVE = (
    "where its code is at hand, save the weights: torch.save({'state_dict': model.state_dict()}, 'weights.pth')"
)
# How torch's reader names what it refuses.
_REFUSED_OBJECT = re.compile(r'Unsupported global: GLOBAL ([\w.]+)')


def _history_buffer_method(owner: Any, name: str) -> Any:
    """Stand in for ``getattr`` in pickles: HistoryBuffer's pickles name its statistics through it."""
    from mmengine.logging import HistoryBuffer

    if owner is HistoryBuffer and name in HistoryBuffer()._statistics_methods:  # filled by the constructor
        return getattr(owner, name)
    raise pickle.UnpicklingError(f'attribute {name!r} of {owner!r} has no place in a checkpoint')


@cache
def _safe_globals() -> list[Any]:
    """Return what may stand in a checkpoint besides what torch's weights_only reader knows.

    mmengine's training logs are HistoryBuffers of numpy arrays. numpy 2 renamed numpy.core to numpy._core; either
    writes its own name into a pickle. Trainers note their options as a Namespace, which is attributes alone.
    """
    from mmengine.logging import HistoryBuffer

    return [
        HistoryBuffer,
        Namespace,
        (_history_buffer_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in '?bhilqBHILQefd'},
        *(
            (function, f'numpy.{core}.multiarray.{name}')
            for core in ('core', '_core')
            for name, function in (
                ('scalar', np.core.multiarray.scalar),
                ('_reconstruct', np.core.multiarray._reconstruct),
            )
        ),
    ]


def register_safe_globals() -> None:
    """Let torch's weights_only reader take mmengine's training logs, in this whole process."""
    import torch

    torch.serialization.add_safe_globals(_safe_globals())


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict:
    """Read all of a PyTorch checkpoint; objects other than tensors, numbers, texts and training logs are refused.

    Args:
        path: The file.
        map_location: Where tensors go, as in torch.load. Default: 'cpu'.

    Returns:
        What the file holds: a state dict, or a dict with the state dict under 'state_dict'.

    Raises:
        CheckpointError: if the file is missing, unreadable, truncated or holds other objects.
        DependencyError: if torch is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'checkpoint {path} does not exist; give the path of a file that training saved')
    try:
        import torch

        allowed = _safe_globals()
    except ImportError as error:
        raise DependencyError(
            f'{path} needs the package {error.name!r}, which is not installed; a .safetensors file needs none'
        ) from error
    if zipfile.is_zipfile(path):
        with open_archive(path) as archive:  # its declared sizes are checked
            if any(name.endswith(_PROGRAM_MEMBER) for name in archive.namelist()):
                raise CheckpointError(f'checkpoint {path} is a TorchScript program, which is code; {_HOW_TO_SAVE}')
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            # torch remarks on pickle protocols and storages, which says nothing that the user can mend.
            warnings.simplefilter('ignore')
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        if 'unsupported global' in str(error).lower() or 'has no place' in str(error):
            what = f'Python objects besides weights{_name_of_object(error)}'
            raise CheckpointError(f'checkpoint {path} holds {what}, which could run code; {_HOW_TO_SAVE}') from error
        raise CheckpointError(
            f'checkpoint {path} is damaged; give a file saved by tools/train.py or by torch.save of a state dict'
        ) from error
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise CheckpointError(
            f'checkpoint {path} cannot be read: it is truncated, or no PyTorch checkpoint; copy it again or take '
            f'another'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'checkpoint {path} holds a {type(checkpoint).__name__}; expected a dict of weights')
    for key in ('state_dict', 'meta'):
        if not isinstance(checkpoint.get(key, {}), Mapping):
            kind = type(checkpoint[key]).__name__
            raise CheckpointError(f'checkpoint {path} is damaged: its {key} is a {kind}; it must be a dict')
    return checkpoint


def _name_of_object(error: pickle.UnpicklingError) -> str:
    found = _REFUSED_OBJECT.search(str(error))
    return f' ({found[1]})' if found else ''


def state_dict_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the weights in a checkpoint: what has tensors under dotted names, wherever a trainer put it.

    Where there are several state dicts, such as those of an average beside the trained one, the names begin with the
    keys that lead to each.
    """
    found = dict(_state_dicts(checkpoint))
    if 'state_dict.' in found:
        found.pop(f'{_WITHOUT_AVERAGING}.', None)
    if len(found) > 1:
        return {f'{prefix}{name}': value for prefix, state in found.items() for name, value in state.items()}
    return next(iter(found.values()), checkpoint.get('state_dict', checkpoint))


def _state_dicts(content: Mapping[str, Any], prefix: str = '', depth: int = _DEPTH) -> Iterator[tuple[str, Mapping]]:
    import torch

    if any(
        isinstance(name, str) and '.' in name and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        yield prefix, content
        return
    for name, value in content.items():
        if depth and isinstance(name, str) and isinstance(value, Mapping):
            yield from _state_dicts(value, f'{prefix}{name}.', depth - 1)


def weights_of(checkpoint: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """Return the state dict of a checkpoint, without the prefix that data-parallel wrappers add."""
    state_dict = state_dict_of(checkpoint)
    weights = OrderedDict((name.removeprefix('module.'), value) for name, value in state_dict.items())
    weights._metadata = getattr(state_dict, '_metadata', {})  # versions by which modules convert old keys
    return weights


def read(path: Path) -> Content:
    """Read the weights, bare or in a checkpoint."""
    checkpoint = read_checkpoint(path)
    tensors = {key: _to_numpy(key, value, path) for key, value in state_dict_of(checkpoint).items()}
    return Content(tensors, description_of(checkpoint, path))


def description_of(checkpoint: Mapping[str, Any], path: str | Path) -> Description | None:
    """Return what a checkpoint says about itself: in our description, else in the config that a trainer noted.

    Raises:
        CheckpointError: if the description is damaged.
    """
    meta = checkpoint.get('meta') or {}
    if description.KEY in meta:
        return description.from_dict(meta[description.KEY], path)
    return description.describe_config_text(meta['cfg'], classes_of(meta)) if isinstance(meta.get('cfg'), str) else None


def classes_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes that mmengine's Runner notes in a checkpoint, empty where it has none."""
    noted = meta.get('dataset_meta')
    classes = noted.get('classes') if isinstance(noted, Mapping) else None
    return tuple(map(str, classes)) if isinstance(classes, (list, tuple)) else ()


def _to_numpy(key: Any, value: Any, path: Path) -> np.ndarray:
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        raise CheckpointError(
            f'{path} holds no state dict: {key!r} is of type {type(value).__name__}; expected tensors by name, or a '
            f'dict with such a dict in it'
        )
    if value.layout != torch.strided or value.is_quantized:
        raise CheckpointError(f'{path}: tensor {key} is sparse or quantized; weights must be dense floating point')
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(f'{path}: tensor {key} claims more values than the file has for it')
    value = value.detach().contiguous()
    try:
        return value.view(torch.int16).numpy().view(bfloat16()) if value.dtype == torch.bfloat16 else value.numpy()
    except TypeError as error:
        raise CheckpointError(
            f'{path}: tensor {key} is of type {value.dtype}; weights must be fp32, fp16 or bf16'
        ) from error


def write(path: Path, content: Content) -> None:
    """Write a checkpoint with the description in it, or without one the bare state dict."""
    try:
        import torch
    except ImportError as error:
        raise DependencyError('writing a PyTorch file needs torch; a .safetensors file needs none') from error

    state = to_state_dict(content.tensors)
    said = content.description
    torch.save({'meta': {description.KEY: said.as_dict()}, 'state_dict': state} if said else state, path)


def to_state_dict(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return copies of arrays as torch's tensors."""
    import torch

    def convert(array: np.ndarray) -> torch.Tensor:
        array = np.array(array, order='C')
        if array.dtype.name == 'bfloat16':
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    return {name: convert(array) for name, array in tensors.items()}
