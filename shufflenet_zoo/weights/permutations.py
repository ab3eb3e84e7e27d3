"""Channel permutations between networks that compute the same with their channels in another order.

An order is an array of indices: ``canonical = other[order]``.

A V1 unit leaves two orders free: that of the stream between the units and that of the bottleneck. The first is
identical or reversed here; the second follows from where each network's shuffle sends a channel: the canonical
channel and its counterpart must come from corresponding groups of the first 1x1 convolution and go to corresponding
groups of the second. Where the numbers of such channels differ for any pair of groups, no permutation exists.

In V2 every convolution that adds channels to the stream leaves their order free, and only these do. The units of a
stage hand a channel on unchanged until the main branch of one reads it; the canonical channel and its counterpart must
come from the same convolution and have the same reader. Where the numbers of such channels differ, no permutation
exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shufflenet_zoo.arch import Plan, V1Unit, V2Unit
from shufflenet_zoo.arch.channels import StageFlow, follow_stage, shuffle_sources
from shufflenet_zoo.errors import ShuffleNetZooError

_V1_SHUFFLED_UNIT = ('g_conv_1x1_compress', 'depthwise_conv3x3_bn', 'g_conv_1x1_expand')


class PermutationError(ShuffleNetZooError):
    """No permutation of channels makes two networks equal."""


def conv_index(groups: int, inputs: np.ndarray | None, outputs: np.ndarray | None) -> np.ndarray | None:
    """Turn the orders of a convolution's channels into the order of its weight's (row, column) pairs.

    Args:
        groups: Groups of the convolution.
        inputs: Order of the input channels, or None for the same.
        outputs: Order of the output channels, or None for the same.

    Returns:
        For a weight of shape (rows, columns, ...), rows * columns indices into the other weight's pairs counted row
        by row; None for the same order.

    Raises:
        PermutationError: if the orders tear a group apart.
    """
    if inputs is None and outputs is None:
        return None
    if inputs is None or outputs is None:
        raise ValueError('the orders of inputs and outputs must be given together')
    rows, columns = len(outputs) // groups, len(inputs) // groups
    other_group = outputs // rows
    other_columns = np.repeat(inputs.reshape(groups, columns), rows, axis=0) - other_group[:, None] * columns
    if other_columns.min() < 0 or other_columns.max() >= columns:
        raise PermutationError(f'the channel orders tear the {groups} groups of a convolution apart')
    return (outputs[:, None] * columns + other_columns).ravel()


def invert(order: np.ndarray) -> np.ndarray:
    """Return the order that undoes the given one."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def match_bottleneck(canonical: V1Unit, other: V1Unit, is_reversed: bool) -> np.ndarray | None:
    """Find the order of the bottleneck's channels that makes two units compute the same.

    Args:
        canonical: The unit.
        other: The same unit with its own shuffle order.
        is_reversed: Whether the other unit's inputs and outputs are in reversed order.

    Returns:
        Order of the channels between the first 1x1 convolution and the shuffle; None if there is none.
    """

    def group_pairs(unit: V1Unit) -> np.ndarray:
        """The groups of the first and of the second 1x1 convolution that every channel belongs to, as one number."""
        channels = np.arange(unit.mid_channels)
        first = channels * unit.compress_groups // unit.mid_channels
        second = invert(shuffle_sources(unit)) * unit.groups // unit.mid_channels
        return first * unit.groups + second

    canonical_pairs, other_pairs = group_pairs(canonical), group_pairs(other)
    candidates = np.arange(other.mid_channels)
    if is_reversed:
        # Reversing all channels reverses both numberings of groups.
        other_pairs = other.compress_groups * other.groups - 1 - other_pairs
        candidates = candidates[::-1]
    pairs = canonical.compress_groups * canonical.groups
    if (np.bincount(canonical_pairs, minlength=pairs) != np.bincount(other_pairs, minlength=pairs)).any():
        return None
    order = np.empty_like(candidates)
    for pair in range(pairs):
        order[canonical_pairs == pair] = candidates[other_pairs[candidates] == pair]
    return order


def _match_flows(canonical: StageFlow, other: StageFlow) -> np.ndarray | None:
    """Find for every channel its counterpart in the other network's stage; None if there is none for some."""
    counterparts = np.empty(len(canonical.readers), int)
    for channels in canonical.added:
        by_reader = [channels[np.argsort(flow.readers[channels], kind='stable')] for flow in (canonical, other)]
        if (canonical.readers[by_reader[0]] != other.readers[by_reader[1]]).any():
            return None
        counterparts[by_reader[0]] = by_reader[1]
    return counterparts


def _order_of(counterparts: np.ndarray, canonical: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The order that brings the other network's list of channels into the canonical one."""
    places = np.empty(len(counterparts), int)
    places[other] = np.arange(len(other))
    return places[counterparts[canonical]]


class ChannelOrders:
    """The orders of every convolution's channels in another network.

    Args:
        plan: The canonical network.
        options: The other network's 'shuffle_order' (V1) or 'shuffle' (V2), where it is not the plan's.
        early_shuffle: Whether the other network, a V1, shuffles before the depthwise convolution.
        is_reversed: Whether its channels, a V1's, run backwards everywhere.

    Raises:
        PermutationError: if no permutation brings the other network's shuffle into the plan's.
    """

    def __init__(
        self,
        plan: Plan,
        options: Mapping[str, Any],
        early_shuffle: bool = False,
        is_reversed: bool = False,
    ) -> None:
        self._reversed = is_reversed
        # By convolution: the orders of its inputs and outputs; by part of the plan: that of the features.
        self._convs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._features: dict[str, np.ndarray] = {}
        for i, stage in enumerate(plan.stages):
            if isinstance(stage[0], V2Unit):
                shuffle = options.get('shuffle', stage[0].shuffle)
                if shuffle != stage[0].shuffle:
                    self._match_v2_stage(i, stage, shuffle)
            else:
                for j, unit in enumerate(stage):
                    self._match_v1_unit(f'layers.{i}.{j}', unit, options.get('shuffle_order'), early_shuffle)
        if is_reversed:
            _, stem = next(plan.named_parts())
            for name, conv in stem.items():  # images keep their channels
                self._convs[name] = (np.arange(conv.in_channels), self._stream(conv.out_channels))
            self._features = {'stem': self._stream(plan.stem.out_channels)} | {
                f'stage{i + 2}': self._stream(stage[-1].out_channels) for i, stage in enumerate(plan.stages)
            }
        last = self._features.get(f'stage{len(plan.stages) + 1}')
        if plan.last_conv and last is not None:
            self._convs[f'layers.{len(plan.stages)}'] = (last, np.arange(plan.last_conv.out_channels))
        self._head = None if plan.last_conv else last

    def _match_v1_unit(self, name: str, unit: V1Unit, shuffle_order: str | None, early_shuffle: bool) -> None:
        other = replace(unit, shuffle_order=shuffle_order or unit.shuffle_order)
        if other == unit and not early_shuffle and not self._reversed:
            return
        bottleneck = match_bottleneck(unit, other, self._reversed)
        if bottleneck is None:
            raise PermutationError(
                f'no permutation of channels brings the {other.shuffle_order!r} shuffle of {name} '
                f'({unit.mid_channels} channels in {unit.groups} groups) into the {unit.shuffle_order!r} one'
            )
        behind_shuffle = invert(shuffle_sources(other))
        expand_inputs = behind_shuffle[bottleneck][shuffle_sources(unit)]
        depthwise = behind_shuffle[bottleneck] if early_shuffle else bottleneck
        compress, depthwise_name, expand = (f'{name}.{part}' for part in _V1_SHUFFLED_UNIT)
        self._convs[compress] = (self._stream(unit.in_channels), bottleneck)
        self._convs[depthwise_name] = (depthwise, depthwise)
        self._convs[expand] = (expand_inputs, self._stream(unit.expand_channels))

    def _match_v2_stage(self, index: int, stage: Sequence[V2Unit], shuffle: str) -> None:
        canonical = follow_stage(stage)
        other = follow_stage([replace(unit, shuffle=shuffle) for unit in stage])
        counterparts = _match_flows(canonical, other)
        if counterparts is None:
            raise PermutationError(
                f'no permutation of channels brings the {shuffle!r} shuffle of layers.{index} '
                f'({stage[0].shortcut_channels} + {stage[0].main_out_channels} channels) into the '
                f'{stage[0].shuffle!r} one'
            )
        inputs = self._features.get(f'stage{index + 1}', np.arange(stage[0].in_channels))
        projection, *mains = (_order_of(counterparts, channels, channels) for channels in canonical.added)
        first = f'layers.{index}.0'
        self._convs[f'{first}.branch1.0'] = (inputs, inputs)
        self._convs[f'{first}.branch1.1'] = (inputs, projection)
        main_inputs = [
            inputs,
            *(_order_of(counterparts, *lists) for lists in zip(canonical.reads, other.reads, strict=True)),
        ]
        middle = np.arange(stage[0].mid_channels)
        for j, (taken, added) in enumerate(zip(main_inputs, mains, strict=True)):
            self._convs[f'layers.{index}.{j}.branch2.0'] = (taken, middle)
            self._convs[f'layers.{index}.{j}.branch2.2'] = (middle, added)
        self._features[f'stage{index + 2}'] = _order_of(counterparts, canonical.output, other.output)

    def _stream(self, channels: int) -> np.ndarray:
        order = np.arange(channels)
        return order[::-1] if self._reversed else order

    def of_conv(self, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The orders of a convolution's input and output channels; None where they are the same."""
        return self._convs.get(name, (None, None))

    def of_features(self, name: str) -> np.ndarray | None:
        """The order of the channels that a part of the plan gives, 'stem' to 'last_conv'; None where the same."""
        return self._features.get(name)

    def of_head(self) -> np.ndarray | None:
        """The order of the channels that the classifier takes; None where it is the same."""
        return self._head
