"""Checkpoints of mmengine's Runner: loaded without dropping a key, fit for resuming."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.file_torch import weights_of

# What a checkpoint of mmengine's Runner holds to resume training.
RESUME_KEYS = ('meta', 'state_dict', 'message_hub', 'optimizer')
_NAMES_SHOWN = 3


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
