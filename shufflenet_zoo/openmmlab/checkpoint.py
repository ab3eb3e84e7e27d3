"""Checkpoints: read without running code that a file brings, loaded without dropping a key."""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mmengine.runner.checkpoint
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch import nn

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import file_torch
from shufflenet_zoo.weights.io import read_content

# What a checkpoint of mmengine's Runner holds to resume training.
RESUME_KEYS = ('meta', 'state_dict', 'message_hub', 'optimizer')
_NAMES_SHOWN = 3


def _history_buffer_method(owner: Any, name: str) -> Any:
    """Stand in for ``getattr`` in pickles: HistoryBuffer's pickles name its statistics through it."""
    if owner is HistoryBuffer and name in HistoryBuffer()._statistics_methods:  # filled by the constructor
        return getattr(owner, name)
    raise pickle.UnpicklingError(f'attribute {name!r} of {owner!r} has no place in a checkpoint')


# mmengine's training logs are HistoryBuffers of numpy arrays, which torch's weights_only reader does not know.
# numpy 2 renamed numpy.core to numpy._core; either writes its own name into a pickle.
_SAFE_GLOBALS = [
    HistoryBuffer,
    (_history_buffer_method, 'builtins.getattr'),
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in '?bhilqBHILQefd'},
    *(
        (function, f'numpy.{core}.multiarray.{name}')
        for core in ('core', '_core')
        for name, function in (('scalar', np.core.multiarray.scalar), ('_reconstruct', np.core.multiarray._reconstruct))
    ),
]


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict:
    """Read a PyTorch checkpoint; objects other than tensors, numbers, texts and training logs are refused.

    Args:
        path: The file; weights in a .safetensors or .npz file will do.
        map_location: Where tensors go, as in torch.load. Default: 'cpu'.

    Returns:
        What the file holds: a state dict, or a dict with the state dict under 'state_dict'.

    Raises:
        CheckpointError: if the file is missing, unreadable, truncated or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'checkpoint {path} does not exist; give the path of a file that training saved')
    if path.suffix in ('.safetensors', '.npz'):
        return {'state_dict': file_torch.to_state_dict(read_content(path).tensors)}
    try:
        with torch.serialization.safe_globals(_SAFE_GLOBALS):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = 'unsupported global' in str(error).lower() or 'has no place' in str(error)
        what = 'holds Python objects besides weights, which could run code' if foreign else 'is damaged'
        raise CheckpointError(
            f'checkpoint {path} {what}; give a file saved by tools/train.py or by torch.save of a state dict'
        ) from error
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise CheckpointError(
            f'checkpoint {path} cannot be read: it is truncated, or no PyTorch checkpoint; '
            f'copy it again or take another'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'checkpoint {path} holds a {type(checkpoint).__name__}; expected a dict of weights')
    return checkpoint


def fetch_checkpoint(name: str, map_location: Any = 'cpu') -> dict:
    """Read a checkpoint from a file, or from anywhere mmengine loads from ('https://...', 'torchvision://...').

    Raises:
        CheckpointError: as read_checkpoint.
    """
    if '://' in name:
        return CheckpointLoader.load_checkpoint(name, map_location)
    return read_checkpoint(name, map_location)


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: Any = None) -> dict:
    """Read a local file for mmengine."""
    return read_checkpoint(filename, map_location)


@CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), force=True)
def load_from_http(filename: str, map_location: Any = None, **kwargs: Any) -> dict:
    """Download a file into torch's cache and read it for mmengine, which itself would run its pickles."""
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(filename).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path))
        except OSError as error:
            raise CheckpointError(f'checkpoint {filename} cannot be downloaded: {error}') from error
    return read_checkpoint(path, map_location)


# The loaders of 'torchvision://' and its like call it by this name.
mmengine.runner.checkpoint.load_from_http = load_from_http


def weights_of(checkpoint: Mapping[str, Any]) -> OrderedDict[str, torch.Tensor]:
    """Return the state dict of a checkpoint, without the prefix that data-parallel wrappers add."""
    state_dict = checkpoint.get('state_dict', checkpoint)
    weights = OrderedDict((name.removeprefix('module.'), value) for name, value in state_dict.items())
    weights._metadata = getattr(state_dict, '_metadata', {})  # versions by which modules convert old keys
    return weights


def load_strictly(model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Load a checkpoint into a model that must have exactly its keys and shapes.

    ``num_batches_tracked`` may be missing, because weights converted from other frameworks have none.

    Raises:
        CheckpointError: if a key is missing or unexpected, or a shape differs; the model is then half loaded.
    """
    weights = weights_of(checkpoint)
    if not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise CheckpointError(
            f'checkpoint {path} holds no state dict; expected a dict of tensors, or one with such '
            f"a dict under 'state_dict'"
        )
    own = model.state_dict()
    resized = [
        f'{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}'
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    # Tensors of another shape would raise in the middle of loading.
    for name in own.keys() & weights.keys():
        if weights[name].shape != own[name].shape:
            del weights[name]
    keys = model.load_state_dict(weights, strict=False)
    changed = {text.split()[0] for text in resized}
    missing = [name for name in keys.missing_keys if name not in changed and not name.endswith('num_batches_tracked')]
    faults = [_count(missing, 'missing'), _count(keys.unexpected_keys, 'unexpected'), _count(resized, 'of other shape')]
    if any(faults):
        raise CheckpointError(
            f'checkpoint {path} does not fit the model of the config: '
            f'{"; ".join(filter(None, faults))}; give the checkpoint of this architecture or the '
            f'config it was trained with'
        )


def _count(names: list[str], what: str) -> str:
    """Return '3 weights missing (a, b, ...)', or nothing for no names."""
    shown = ', '.join(names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
    return f'{len(names)} weights {what} ({shown})' if names else ''


def check_resumable(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Check that training can go on from a checkpoint.

    Raises:
        CheckpointError: if it holds no training state.
    """
    missing = [key for key in RESUME_KEYS if key not in checkpoint]
    if missing:
        raise CheckpointError(
            f'checkpoint {path} cannot be resumed: it has no {", ".join(missing)}; resume an '
            f'epoch_*.pth or iter_*.pth, or start from its weights with --cfg-options '
            f'load_from={path}'
        )
