"""Routes of every named V2 against channels that are followed one by one."""

import numpy as np
import pytest

from shufflenet_zoo.arch.routes import route_stage
from shufflenet_zoo.arch.units import V2_SHUFFLES
from shufflenet_zoo.arch.variants import VARIANTS

PLANS = {
    f'{name}-{shuffle}': variant.plan(shuffle=shuffle)
    for name, variant in VARIANTS.items()
    if '_v2_' in name
    for shuffle in V2_SHUFFLES
}
every_order = pytest.mark.parametrize('reorder', [False, True])


def every(plans):
    return pytest.mark.parametrize('plan', plans.values(), ids=plans)


def shuffled(channels, rows):
    """Read a matrix of so many rows, stored row by row, column by column."""
    columns = len(channels) // rows
    return [channels[row * columns + column] for column in range(columns) for row in range(rows)]


def follow_stage(units):
    """Return the (source, channel) pairs that every main branch but the first reads, and those that leave the stage."""
    sources = iter([(source, channel) for channel in range(width)] for source, width in enumerate(source_widths(units)))
    x, reads = [*next(sources), *next(sources)], []
    for index, unit in enumerate(units):
        half = len(x) // 2
        if index:
            kept, read = (x[0::2], x[1::2]) if unit.shuffle == 'even_odd' else (x[:half], x[half:])
            reads.append(read)
            x = [*kept, *next(sources)]
        if unit.shuffle == 'interleave':
            x = shuffled(x, rows=2)
    return reads, x


def source_widths(units):
    return [units[0].shortcut_channels, *(unit.main_out_channels for unit in units)]


def channels_of(read, orders):
    """The (source, channel) pairs of a read's slices, in the order in which the layer with shuffles takes them."""
    stored = [
        (piece.source, int(channel))
        for piece in read.slices
        for channel in orders[piece.source][piece.first : piece.last : piece.step]
    ]
    taken = [None] * len(stored)
    for place, pair in zip(read.order, stored, strict=True):
        taken[place] = pair
    return taken


@every(PLANS)
@every_order
def test_a_stage_reads_the_channels_that_its_shuffles_bring(plan, reorder):
    for units in plan.stages:
        routes = route_stage(units, reorder)
        widths = source_widths(units)
        assert [sorted(order) for order in routes.orders] == [list(range(width)) for width in widths]
        assert reorder or all((order == np.arange(len(order))).all() for order in routes.orders)
        reads, output = follow_stage(units)
        assert [channels_of(read, routes.orders) for read in routes.reads] == reads
        assert channels_of(routes.output, routes.orders) == output


@every(PLANS)
def test_what_a_stage_reads_of_a_source_is_one_slice_if_it_may_reorder(plan):
    for units in plan.stages:
        routes = route_stage(units, reorder=True)
        for read in (*routes.reads, routes.output):
            sources = [piece.source for piece in read.slices]
            assert len(set(sources)) == len(sources)
            assert {piece.step for piece in read.slices} == {1}
