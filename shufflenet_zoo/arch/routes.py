"""Which channels every convolution of a ShuffleNet V2 reads, once the shuffles are gone; shared by both frameworks.

Inside a stage, a shuffle only decides which channels the next unit's main branch reads: every channel is produced
by one convolution, waits in the identity halves, and is read by one unit. So a stage can keep the tensors that its
branches produced, its *sources*, and read slices of them. Ordered by the unit that reads them, the channels that one
unit reads of one source are one slice; convolutions absorb the order in their weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.arch import V2Unit
from shufflenet_zoo.arch.channels import StageFlow, follow_stage


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
    """Follow every channel through the shuffles of a stage.

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


def reorder_weight(weight, inputs: np.ndarray | None, outputs: np.ndarray | None):
    """Reorder a convolution's weight, a numpy array or tensor of shape (out, in / groups, ...).

    Args:
        weight: The weight.
        inputs: Order of the input's channels, for a convolution without groups; None is kept.
        outputs: Order of the output's channels; None is kept.
    """
    weight = weight if inputs is None else weight[:, inputs]
    return weight if outputs is None else weight[outputs]
