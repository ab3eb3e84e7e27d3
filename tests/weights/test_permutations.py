"""Channel permutations between shuffle orders, where they exist."""

from dataclasses import replace

import numpy as np
import pytest

from shufflenet_zoo.arch import V1Unit, plan_v1, plan_v2
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.weights.permutations import (
    ChannelOrders,
    PermutationError,
    conv_index,
    invert,
    match_bottleneck,
    shuffle_sources,
)

WIDTHS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


def buildable(groups):
    for width in WIDTHS:
        for rule in ('mmpretrain', 'paper'):
            for stem in ('mmpretrain', 'megvii'):
                try:
                    yield width, plan_v1(groups, width, width_rule=rule, stem_rule=stem)
                except ArgumentError:
                    continue


@pytest.mark.parametrize('groups', [2, 3])
def test_two_and_three_groups_permute_at_every_width(groups):
    plans = list(buildable(groups))
    assert len(plans) >= 6
    for _, plan in plans:
        ChannelOrders(plan, {'shuffle_order': 'megvii'})


def test_eight_groups_permute_at_the_double_width_alone():
    for width, plan in buildable(8):
        if plan.stages[0][0].out_channels * 1.0 not in (192, 384, 576, 768):
            continue
        if width == 2.0:
            ChannelOrders(plan, {'shuffle_order': 'megvii'})
        else:
            with pytest.raises(PermutationError, match='layers.0.0|layers.0.1'):
                ChannelOrders(plan, {'shuffle_order': 'megvii'})


def run_unit(unit, compress, depthwise, expand, x):
    """A V1 unit's main branch as matrices; x has the unit's input channels."""
    y = compress @ x
    y = depthwise * y
    return expand @ y[shuffle_sources(unit)]


def grouped_matrix(weight, groups):
    """A grouped 1x1 convolution's weight (rows, columns) as a block-diagonal matrix."""
    rows, columns = weight.shape[0] // groups, weight.shape[1]
    matrix = np.zeros((weight.shape[0], columns * groups))
    for group in range(groups):
        matrix[group * rows : (group + 1) * rows, group * columns : (group + 1) * columns] = weight[
            group * rows : (group + 1) * rows
        ]
    return matrix


@pytest.mark.parametrize('is_reversed', [False, True])
@pytest.mark.parametrize(('groups', 'channels'), [(2, 200), (3, 240), (3, 360), (8, 768)])
def test_matched_units_compute_the_same(groups, channels, is_reversed):
    """The permuted weights give the same outputs, by matrices rather than by the conversion's own code."""
    unit = V1Unit(channels, channels, groups, first_block=False)
    other = replace(unit, shuffle_order='megvii')
    order = match_bottleneck(unit, other, is_reversed)
    rng = np.random.default_rng(0)
    mid = unit.mid_channels
    weights = [rng.standard_normal(shape) for shape in ((mid, channels // groups), (mid, 1), (channels, mid // groups))]
    stream = np.arange(channels)[::-1] if is_reversed else np.arange(channels)
    expand_inputs = invert(shuffle_sources(other))[order][shuffle_sources(unit)]
    permuted = [
        weights[0].ravel()[conv_index(groups, stream, order)].reshape(weights[0].shape),
        weights[1].ravel()[conv_index(mid, order, order)].reshape(weights[1].shape),
        weights[2].ravel()[conv_index(groups, expand_inputs, stream)].reshape(weights[2].shape),
    ]
    x = rng.standard_normal((channels, 5))
    expected = run_unit(other, grouped_matrix(weights[0], groups), weights[1], grouped_matrix(weights[2], groups), x)
    actual = run_unit(
        unit, grouped_matrix(permuted[0], groups), permuted[1], grouped_matrix(permuted[2], groups), x[stream]
    )
    np.testing.assert_allclose(actual, expected[stream], rtol=0, atol=1e-12 * np.abs(expected).max())


def test_reversed_channels_are_reversed_everywhere():
    plan = plan_v1(3, 0.5)
    orders = ChannelOrders(plan, {'shuffle_order': 'paper'}, is_reversed=True)
    for name, conv in plan.named_convs().items():
        inputs, outputs = orders.of_conv(name)
        np.testing.assert_array_equal(outputs, np.arange(conv.out_channels)[::-1])
        np.testing.assert_array_equal(inputs, np.arange(conv.in_channels)[:: 1 if name == 'conv1' else -1])


def test_torn_groups_are_refused():
    with pytest.raises(PermutationError, match='tear'):
        conv_index(2, np.array([0, 2, 1, 3]), np.arange(4))


@pytest.mark.parametrize('groups', [2, 3, 4, 8])
def test_no_shuffle_has_no_counterpart(groups):
    with pytest.raises(PermutationError, match="'none'"):
        ChannelOrders(plan_v1(groups), {'shuffle_order': 'none'})


@pytest.mark.parametrize(
    ('width', 'down_unit'),
    [
        *((width, 'halves') for width in (0.25, 0.33, 0.5, 1.0, 1.5, 2.0)),
        *((width, 'keep') for width in (0.33, 0.5, 1.0, 1.5, 2.0)),
    ],
)
def test_v2_shuffles_permute_where_both_branches_have_as_many_channels(width, down_unit):
    plan = plan_v2(width, down_unit=down_unit)
    halved = all(stage[0].shortcut_channels == stage[0].main_out_channels for stage in plan.stages)
    if halved:
        orders = ChannelOrders(plan, {'shuffle': 'even_odd'})
        for stage in (2, 3, 4):
            order = orders.of_features(f'stage{stage}')
            assert sorted(order) == list(range(plan.stages[stage - 2][0].out_channels))
            assert list(order) != sorted(order)
    else:
        with pytest.raises(PermutationError, match="'even_odd' shuffle of layers.0"):
            ChannelOrders(plan, {'shuffle': 'even_odd'})


# What tells the publishers' networks from one another but for names: shuffle, its place, the order of concatenation.
OTHERS = {
    'ShuffleNetV1': {
        'paper': ({'shuffle_order': 'paper'}, False, False),
        'megvii': ({'shuffle_order': 'megvii'}, False, False),
        'megvii-early': ({'shuffle_order': 'megvii'}, True, False),
        'paper-early-reversed': ({'shuffle_order': 'paper'}, True, True),
    },
    'ShuffleNetV2': {
        'interleave': ({'shuffle': 'interleave'}, False, False),
        'even-odd': ({'shuffle': 'even_odd'}, False, False),
    },
}
OWN = {
    'ShuffleNetV1': [{'shuffle_order': order} for order in ('paper', 'megvii')],
    'ShuffleNetV2': [
        {'down_unit': down_unit, 'shuffle': shuffle}
        for down_unit in ('halves', 'keep')
        for shuffle in ('interleave', 'even_odd')
    ],
}
# No publisher but us has these, so that nobody's channels are brought into theirs.
OURS_ALONE = {'se', 'residual', 'extra_depthwise'}


def pairs_of_networks():
    """Every named network that publishers have, with each of its shuffles and with each that it is converted from."""
    for name, variant in VARIANTS.items():
        family = variant.backbone['type'].rpartition('.')[2]
        if OURS_ALONE & set(variant.backbone):
            continue
        for own in OWN[family]:
            try:
                plan = variant.plan(**own)
            except ArgumentError:  # a kept projection needs fewer channels than the stage has
                assert own.get('down_unit') == 'keep'
                continue
            for kind, other in OTHERS[family].items():
                yield pytest.param(plan, *other, id=f'{name}-{"-".join(own.values())}-from-{kind}')


def shuffled(channels, unit):
    """A V1 unit's shuffle, as its publishers write it."""
    if unit.shuffle_order == 'paper':
        return channels.reshape(unit.groups, -1).T.ravel()
    return channels.reshape(-1, unit.groups).T.ravel()


def interleaved(channels):
    return np.stack(np.split(channels, 2), axis=1).ravel()


class Followed:
    """Two networks side by side as the numbers of their channels: channels of one number hold the same values.

    A convolution gives the other network's channels new numbers. Ours are the ones that ``orders`` promises, if every
    channel of a group reads what its counterpart reads.
    """

    def __init__(self, plan, orders):
        self.convs, self.orders, self.next = plan.named_convs(), orders, 0

    def conv(self, name, ours, theirs):
        conv = self.convs[name]
        inputs, outputs = self.orders.of_conv(name)
        inputs = np.arange(conv.in_channels) if inputs is None else inputs
        outputs = np.arange(conv.out_channels) if outputs is None else outputs
        np.testing.assert_array_equal(ours, theirs[inputs], err_msg=name)
        taken, given = ((order // (len(order) // conv.groups)).reshape(conv.groups, -1) for order in (inputs, outputs))
        assert (taken == taken[:, :1]).all() and (given == taken[:, :1]).all(), name
        self.next += conv.out_channels
        numbers = np.arange(self.next - conv.out_channels, self.next)
        np.testing.assert_array_equal(np.sort(outputs), np.arange(conv.out_channels))
        return numbers[outputs], numbers

    def add(self, ours, theirs):
        """Numbers of sums: those of the same two addends are the same."""
        both = np.concatenate([np.stack(ours, axis=1), np.stack(theirs, axis=1)])
        numbers = np.unique(both, axis=0, return_inverse=True)[1].ravel() + self.next
        self.next += len(numbers)
        return numbers[: len(ours[0])], numbers[len(ours[0]) :]

    def v1_unit(self, name, unit, other, early_shuffle, is_reversed, ours, theirs):
        x, y = self.conv(f'{name}.g_conv_1x1_compress', ours, theirs)
        y = shuffled(y, other) if early_shuffle else y
        x, y = self.conv(f'{name}.depthwise_conv3x3_bn', x, y)
        y = y if early_shuffle else shuffled(y, other)
        x, y = self.conv(f'{name}.g_conv_1x1_expand', shuffled(x, unit), y)
        if unit.combine == 'add':
            return self.add((ours, x), (theirs, y))
        return np.concatenate([ours, x]), np.concatenate([y, theirs] if is_reversed else [theirs, y])

    def v2_unit(self, name, units, streams):
        unit = units[0]
        kept, taken = [], []
        for channels, kind in zip(streams, units, strict=True):
            halves = (channels[::2], channels[1::2]) if kind.shuffle == 'even_odd' else np.split(channels, 2)
            first, second = (channels, channels) if unit.project else halves
            kept.append(first)
            taken.append(second)
        for part in ('branch1.0', 'branch1.1') if unit.project else ():
            kept = self.conv(f'{name}.{part}', *kept)
        for part in ('branch2.0', 'branch2.1', 'branch2.2'):
            taken = self.conv(f'{name}.{part}', *taken)
        joined = map(np.concatenate, zip(kept, taken, strict=True))
        return [interleaved(x) if kind.shuffle == 'interleave' else x for x, kind in zip(joined, units, strict=True)]

    def check_features(self, name, ours, theirs):
        order = self.orders.of_features(name)
        np.testing.assert_array_equal(ours, theirs if order is None else theirs[order], err_msg=name)


def permutable(unit, other, is_reversed):
    """Whether in both units as many channels go from each group of one convolution to each group of the next."""
    counts = []
    for one in (unit, other):
        channels = np.arange(unit.mid_channels)
        senders = shuffled(channels, one) // (unit.mid_channels // unit.compress_groups)
        receivers = channels // (unit.mid_channels // unit.groups)
        count = np.zeros((unit.compress_groups, unit.groups), int)
        np.add.at(count, (senders, receivers), 1)
        counts.append(count)
    return (counts[0] == (counts[1][::-1, ::-1] if is_reversed else counts[1])).all()


def is_bridged(plan, options, is_reversed):
    """Whether there is a permutation, by counting."""
    first = plan.stages[0][0]
    if isinstance(first, V1Unit):
        return all(permutable(unit, replace(unit, **options), is_reversed) for stage in plan.stages for unit in stage)
    halved = all(stage[0].shortcut_channels == stage[0].main_out_channels for stage in plan.stages)
    return halved or replace(first, **options) == first


@pytest.mark.parametrize(('plan', 'options', 'early_shuffle', 'is_reversed'), list(pairs_of_networks()))
def test_every_layer_reads_the_counterparts_of_what_it_would_read(plan, options, early_shuffle, is_reversed):
    """Followed channel by channel through both networks, from the images to the head."""
    if not is_bridged(plan, options, is_reversed):
        with pytest.raises(PermutationError):
            ChannelOrders(plan, options, early_shuffle, is_reversed)
        return
    orders = ChannelOrders(plan, options, early_shuffle, is_reversed)
    network = Followed(plan, orders)
    streams = [np.arange(plan.in_channels)] * 2
    for name in next(plan.named_parts())[1]:
        streams = network.conv(name, *streams)
    network.check_features('stem', *streams)
    for i, stage in enumerate(plan.stages):
        for j, unit in enumerate(stage):
            name, other = f'layers.{i}.{j}', replace(unit, **options)
            if isinstance(unit, V1Unit):
                streams = network.v1_unit(name, unit, other, early_shuffle, is_reversed, *streams)
            else:
                streams = network.v2_unit(name, (unit, other), streams)
        network.check_features(f'stage{i + 2}', *streams)
    if plan.last_conv:
        streams = network.conv(f'layers.{len(plan.stages)}', *streams)
        network.check_features('last_conv', *streams)
    order = orders.of_head()
    np.testing.assert_array_equal(streams[0], streams[1] if order is None else streams[1][order])
