"""Channel permutations between shuffle orders, where they exist."""

from dataclasses import replace

import numpy as np
import pytest

from shufflenet_zoo.arch import V1Unit, plan_v1, plan_v2
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
