"""Which channels every convolution of a ShuffleNet reads, once the shuffles are gone; shared by both frameworks.

V2: inside a stage, a shuffle only decides which channels the next unit's main branch reads: every channel is produced
by one convolution, waits in the identity halves, and is read by one unit. So a stage can keep the tensors that its
branches produced, its *sources*, and read slices of them. Ordered by the unit that reads them, the channels that one
unit reads of one source are one slice; convolutions absorb the order in their weights.

V1: a group of the second grouped convolution reads some channels of every group of the first one. Ordered by the
group that reads them, these are one slice of every group; an ungrouped first convolution can write the order itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.arch import V1Unit, V2Unit
from shufflenet_zoo.arch.channels import StageFlow, follow_stage, shuffle_sources


@dataclass(frozen=True)
class Slice:
    """Channels first, first + step, ... below last of a source."""

    source: int
    first: int
    last: int
    step: int = 1


@dataclass(frozen=True)
class Read:
    """What a layer reads.

    Attributes:
        slices: The slices whose concatenation it reads.
        order: For every channel of the concatenation, its index in the input of the layer with shuffles.
    """

    slices: tuple[Slice, ...]
    order: np.ndarray


@dataclass(frozen=True)
class StageRoutes:
    """The sources and reads of a stage.

    Attributes:
        orders: For every source, its channels in stored order, as indices into the branch's output with shuffles.
            Sources are the projection branch and the main branch of the first unit, then the other main branches.
        reads: What the main branch of every unit but the first reads.
        output: What a layer behind the stage reads.
    """

    orders: tuple[np.ndarray, ...]
    reads: tuple[Read, ...]
    output: Read


def route_stage(units: Sequence[V2Unit], reorder: bool) -> StageRoutes:
    """Follows every channel through the shuffles of a stage.

    Args:
        units: The units of a V2 stage; the first one projects.
        reorder: Whether the sources may store their channels in another order than the branches with shuffles do.
    """
    flow = follow_stage(units)
    orders = tuple(
        np.argsort(flow.readers[channels], kind='stable') if reorder else np.arange(len(channels))
        for channels in flow.added
    )
    *reads, output = (_read(_in_sources(flow, channels), orders) for channels in (*flow.reads, flow.output))
    return StageRoutes(orders, tuple(reads), output)


def route_bottleneck(unit: V1Unit, reorder: bool) -> tuple[np.ndarray, Read]:
    """Follow the bottleneck's channels of a V1 unit through its shuffle.

    Args:
        unit: The unit.
        reorder: Whether the first grouped and the depthwise convolution may store their channels in another order.

    Returns:
        The stored order of the bottleneck's channels, and what the second grouped convolution reads, group by group.
    """
    channels = np.arange(unit.mid_channels)
    shuffled = shuffle_sources(unit)
    producer = channels // (unit.mid_channels // unit.compress_groups)
    reader = np.argsort(shuffled) // (unit.mid_channels // unit.groups)
    order = np.lexsort((reader, producer)) if reorder else channels
    groups = [_read([(0, channel) for channel in group], [order]) for group in shuffled.reshape(unit.groups, -1)]
    width = unit.mid_channels // unit.groups
    return order, Read(
        _join([piece for group in groups for piece in group.slices]),
        np.concatenate([group.order + i * width for i, group in enumerate(groups)]),
    )


def _join(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """Join slices where one goes on where the one before it ends."""
    joined = list(slices[:1])
    for piece in slices[1:]:
        before = joined[-1]
        if (before.source, before.last, before.step, piece.step) == (piece.source, piece.first, 1, 1):
            joined[-1] = Slice(piece.source, before.first, piece.last)
        else:
            joined.append(piece)
    return tuple(joined)


def _in_sources(flow: StageFlow, channels: np.ndarray) -> np.ndarray:
    """Turn a stage's channels into rows of (source, channel of the source)."""
    starts = np.array([source[0] for source in flow.added])
    sources = np.searchsorted(starts, channels, side='right') - 1
    return np.stack([sources, channels - starts[sources]], axis=1)


def _read(channels: np.ndarray, orders: Sequence[np.ndarray]) -> Read:
    """Turn rows of (source, channel) into slices of the stored sources."""
    stored = [np.argsort(order) for order in orders]
    places = [(source, stored[source][channel]) for source, channel in channels]
    order = sorted(range(len(places)), key=places.__getitem__)
    slices = []
    for source in sorted({source for source, _ in places}):
        slices += [Slice(int(source), *run) for run in _runs([places[i][1] for i in order if places[i][0] == source])]
    return Read(tuple(slices), np.array(order))


def _runs(places: list[int]) -> list[tuple[int, int, int]]:
    """Split rising numbers into (first, last, step) of evenly spaced runs."""
    runs, begin = [], 0
    while begin < len(places):
        end = begin + 1
        step = int(places[end] - places[begin]) if end < len(places) else 1
        while end < len(places) and places[end] - places[end - 1] == step:
            end += 1
        runs.append((int(places[begin]), int(places[end - 1]) + 1, step))
        begin = end
    return runs


@dataclass(frozen=True)
class LayerTraits:
    """What the order of channels needs to know about a convolution layer.

    Attributes:
        out_channels: Its output channels.
        depthwise: Whether it hands the order of its input on, rather than absorb it.
        foldable: Whether nothing in it depends on the order of its output.
    """

    out_channels: int
    depthwise: bool
    foldable: bool


@dataclass(frozen=True)
class LayerOrders:
    """How to reorder a layer: gather its input first (None: as it is), then reorder its weights."""

    gather: np.ndarray | None
    inputs: np.ndarray | None
    outputs: np.ndarray | None


def order_chain(layers: Sequence[LayerTraits], inputs: np.ndarray, outputs: np.ndarray) -> list[LayerOrders]:
    """Return the orders in a chain of pointwise and depthwise layers, the last one pointwise.

    Args:
        layers: The layers.
        inputs: Order of the chain's input: for every channel, its index in the input of the layers as they are.
        outputs: Order of the chain's output.
    """
    chain = []
    for index, layer in enumerate(layers):
        gather = None
        if layer.depthwise and not layer.foldable and not is_natural(inputs):
            gather, inputs = np.argsort(inputs), np.arange(len(inputs))
        if layer.depthwise:
            chain.append(LayerOrders(gather, None, inputs))
        else:
            chain.append(LayerOrders(gather, inputs, outputs if index == len(layers) - 1 else None))
            inputs = np.arange(layer.out_channels)
    return chain


def is_natural(order: np.ndarray) -> bool:
    """Whether an order changes nothing."""
    return bool((order == np.arange(len(order))).all())


def reorder_weight(weight, groups: int, inputs: np.ndarray | None, outputs: np.ndarray | None):
    """Reorder a convolution's weight, a numpy array or tensor of shape (out, in / groups, ...).

    Args:
        weight: The weight.
        groups: Groups of the convolution.
        inputs: Order of the input's channels, which mixes no groups. Default: None, kept.
        outputs: Order of the output's channels. Default: None, kept.
    """
    if inputs is not None:
        width, rows = len(inputs) // groups, len(weight)
        columns = inputs.reshape(groups, width) - np.arange(groups)[:, None] * width
        weight = weight[np.arange(rows)[:, None], np.repeat(columns, rows // groups, axis=0)]
    return weight if outputs is None else weight[outputs]
