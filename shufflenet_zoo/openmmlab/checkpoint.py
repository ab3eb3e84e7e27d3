"""Checkpoints of mmengine's Runner: fit for resuming, and free of objects that torch's reader refuses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.description import KEY, describe_config, innermost
from shufflenet_zoo.weights.file_torch import classes_of

# What a checkpoint of mmengine's Runner holds to resume training.
RESUME_KEYS = ('meta', 'state_dict', 'message_hub', 'optimizer')
# Where the training's logs lie in our checkpoints, as tensors.
_LOGS = 'log_scalars'


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
    for key in ('epoch', 'iter'):
        if not isinstance(checkpoint['meta'].get(key), int):
            raise CheckpointError(
                f'checkpoint {path} cannot be resumed: its meta says no {key}; resume another one, or start from its '
                f'weights with --cfg-options load_from={path}'
            )


def check_optimizer(wrapper: OptimWrapper) -> None:
    """Check that the state of an optimizer has the shapes of its parameters, which torch does not.

    Raises:
        ValueError: if it has not.
    """
    for parameter, state in wrapper.optimizer.state.items():
        for name, value in state.items():
            # A factor of a state, such as Adafactor's, has sides of 1.
            sides = zip(reversed(getattr(value, 'shape', ())), reversed(parameter.shape), strict=False)
            if any(own not in (1, side) for own, side in sides):
                raise ValueError(f'{name} {tuple(value.shape)} of a parameter {tuple(parameter.shape)}')


def make_readable(checkpoint: dict[str, Any], config: Config) -> None:
    """Make a checkpoint of mmengine's Runner one that says what it is and that anybody's torch reads.

    mmengine's logs are objects of its own, which torch >= 2.6 refuses to anyone who has not allowed them: mmengine
    itself, and the tools of mmpretrain and mmdet. They become tensors.

    Args:
        checkpoint: What is about to be saved; it is changed.
        config: The config of the training.
    """
    meta = checkpoint['meta']
    said = describe_config(
        config.model, config.get('data_preprocessor'), innermost(config.get('test_dataloader')), classes_of(meta)
    )
    if said:
        meta[KEY] = said.as_dict()
    hub = checkpoint['message_hub']
    logs = {name: log for name, log in hub['log_scalars'].items() if isinstance(log, HistoryBuffer)}
    checkpoint[_LOGS] = {name: tuple(map(torch.from_numpy, log.data)) for name, log in logs.items()}
    hub['log_scalars'] = {}
    hub['resumed_keys'] = {name: value for name, value in hub['resumed_keys'].items() if name not in logs}
    for key in checkpoint.keys() - {'state_dict', 'optimizer', _LOGS}:
        checkpoint[key] = _plain(checkpoint[key])


def _plain(value: Any) -> Any:
    """Return a value without numpy's types."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else [*map(_plain, value)]
    return value


def restore_logs(checkpoint: dict[str, Any]) -> None:
    """Give a checkpoint that is to be resumed its logs back, undoing ``make_readable``."""
    hub = checkpoint['message_hub']
    for name, data in checkpoint.get(_LOGS, {}).items():
        hub['log_scalars'][name] = HistoryBuffer(*(tensor.cpu().numpy() for tensor in data))
        hub['resumed_keys'][name] = True
