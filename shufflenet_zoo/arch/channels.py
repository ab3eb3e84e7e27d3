"""What shuffles do to channels, told once for weights, deploy forms and layers.

Channels have numbers. V1 shuffles its bottleneck (V1 Section 3.1). V2 moves channels along its stream: a unit splits
it into a half that it hands on and a half that its main branch reads, joins what it handed on with what it added, and
shuffles (V2 Section 3.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.arch.units import V1Unit, V2Unit


def interleave(channels: np.ndarray, rows: int) -> np.ndarray:
    """Read channels as a matrix of (rows, len(channels) // rows), and return them column by column."""
    return channels.reshape(rows, -1).T.ravel()


def shuffle_sources(unit: V1Unit) -> np.ndarray:
    """Return for every channel behind a V1 unit's shuffle the channel before it that it comes from."""
    return interleave(np.arange(unit.mid_channels), unit.shuffle_groups)


def split(unit: V2Unit, stream: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a V2 stream in front of a unit without projection: what it hands on, and what its main branch reads."""
    if unit.splits_even_odd:
        return stream[0::2], stream[1::2]
    return stream[: unit.mid_channels], stream[unit.mid_channels :]


def join(unit: V2Unit, shortcut: np.ndarray, main: np.ndarray) -> np.ndarray:
    """Return the stream behind a V2 unit: its two branches, shuffled if the unit shuffles."""
    both = np.concatenate([shortcut, main])
    return interleave(both, 2) if unit.shuffle == 'interleave' else both


@dataclass(frozen=True)
class StageFlow:
    """How channels pass through a V2 stage; every channel that a convolution adds has a number of its own.

    Attributes:
        added: The channels of every source: the projection, then the main branch of every unit.
        reads: What the main branch of every unit but the first reads.
        output: What the stage gives.
        readers: For every channel, the position in ``reads`` of those that read it; len(reads) for the output.
    """

    added: tuple[np.ndarray, ...]
    reads: tuple[np.ndarray, ...]
    output: np.ndarray
    readers: np.ndarray


def follow_stage(stage: Sequence[V2Unit]) -> StageFlow:
    """Follow the channels of a V2 stage, whose first unit projects, through its splits and shuffles."""
    ends = np.cumsum([stage[0].shortcut_channels, *(unit.main_out_channels for unit in stage)])
    shortcut, first, *others = added = np.split(np.arange(ends[-1]), ends[:-1])
    stream, reads = join(stage[0], shortcut, first), []
    for unit, new in zip(stage[1:], others, strict=True):
        kept, read = split(unit, stream)
        reads.append(read)
        stream = join(unit, kept, new)
    readers = np.empty(ends[-1], int)
    for position, channels in enumerate([*reads, stream]):
        readers[channels] = position
    return StageFlow(tuple(added), tuple(reads), stream, readers)
