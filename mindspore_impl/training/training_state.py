"""What a training saves: weights as plain .ckpt files, and beside them the state that a resumed training needs."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from mindspore import Parameter, Tensor

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import CheckpointError, first_names
from shufflenet_zoo.mindspore_impl.training.parameters import write
from shufflenet_zoo.weights.content import open_archive
from shufflenet_zoo.weights.files import sidecar_path
from shufflenet_zoo.weights.values import check_values

SUFFIX = '.ckpt'
_STATE_SUFFIX = '.state.npz'
_META = 'meta'


@dataclass
class Position:
    """Where a training is.

    Attributes:
        seed: Seed of the training.
        iteration: Iterations done.
        best: Best score by the name of its metric.
        best_file: File of the best weights, by the name of the metric.
        kept: Files of the checkpoints that are kept, the oldest first.
        average_steps: Updates of the weights' average.
        loss_scale: State of the loss scaling.
        processes: How many processes train together, which decides what an iteration is.
    """

    seed: int
    iteration: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_file: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    average_steps: int = 0
    loss_scale: dict[str, float] = field(default_factory=dict)
    processes: int = 1


def state_path(checkpoint: str | Path) -> Path:
    """Return where the training state of a checkpoint is."""
    return Path(checkpoint).with_suffix(_STATE_SUFFIX)


def save_state(checkpoint: str | Path, position: Position, parts: Mapping[str, Mapping[str, Parameter]]) -> None:
    """Save the state of a training beside its checkpoint; the file is whole or absent at any moment.

    Args:
        checkpoint: The file of the weights.
        position: Where the training is.
        parts: Parameters by the name of the part and by their own.
    """
    arrays = {f'{part}/{name}': value.asnumpy() for part, values in parts.items() for name, value in values.items()}
    arrays[_META] = np.frombuffer(json.dumps(asdict(position)).encode(), dtype=np.uint8)
    # In memory: a zip file that meets a full disk complains once more when it is collected.
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    with replacing(state_path(checkpoint)) as draft:
        draft.write_bytes(archive.getbuffer())


def load_state(checkpoint: str | Path) -> tuple[Position, dict[str, np.ndarray]]:
    """Load what save_state saved.

    Args:
        checkpoint: The file of the weights.

    Returns:
        Where the training was, and the arrays by '<part>/<name>'.

    Raises:
        CheckpointError: if there is no state, or it is damaged.
    """
    path = state_path(checkpoint)
    if not Path(checkpoint).is_file():
        raise CheckpointError(f'checkpoint {checkpoint} does not exist; give the path of a file that training saved')
    if Path(checkpoint).suffix != SUFFIX:
        raise CheckpointError(
            f'checkpoint {checkpoint} cannot be resumed by --backend mindspore, which saves '
            f'*{SUFFIX}; choose another --work-dir or --backend torch'
        )
    if not path.is_file():
        raise CheckpointError(
            f'checkpoint {checkpoint} cannot be resumed: the training state {path.name} is not '
            f'beside it; resume an epoch_*{SUFFIX} or iter_*{SUFFIX}, or start from its weights with '
            f'--cfg-options load_from={checkpoint}'
        )
    try:
        with open_archive(path), np.load(path) as file:
            arrays = dict(file)
    except CheckpointError as error:
        raise CheckpointError(f'training state {error}; copy it again or resume another checkpoint') from error
    try:
        return Position(**json.loads(arrays.pop(_META).tobytes())), arrays
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'training state {path} cannot be read: it is truncated, or no file of this program; '
            f'copy it again or resume another checkpoint'
        ) from error


def restore(
    parts: Mapping[str, Mapping[str, Parameter]], arrays: Mapping[str, np.ndarray], checkpoint: str | Path
) -> None:
    """Put saved arrays back into parameters.

    Args:
        parts: Parameters by the name of the part and by their own, as for save_state.
        arrays: What load_state returned.
        checkpoint: Named in errors.

    Raises:
        CheckpointError: if the arrays are not exactly those of the parts, or a value is not finite; nothing is changed
            then.
    """
    expected = {f'{part}/{name}': value for part, values in parts.items() for name, value in values.items()}
    odd = [
        name
        for name in {**expected, **arrays}
        if name not in arrays or name not in expected or arrays[name].shape != tuple(expected[name].shape)
    ]
    if odd:
        raise CheckpointError(
            f'training state {state_path(checkpoint)} does not fit the config: {len(odd)} arrays '
            f'differ ({first_names(odd)}); resume with the config it was trained with'
        )
    check_values(arrays.items(), state_path(checkpoint))
    for name, parameter in expected.items():
        write(parameter, Tensor(arrays[name]))


def remove_checkpoint(checkpoint: str | Path) -> None:
    """Remove a checkpoint, its description and its training state."""
    for path in (Path(checkpoint), sidecar_path(checkpoint), state_path(checkpoint)):
        path.unlink(missing_ok=True)
