"""What the constructors of the backbones take, by name, and what becomes of it."""

import math
from collections.abc import Sequence

from hypothesis import event
from hypothesis import strategies as st

from helpers.strategies import VALUES, arguments
from shufflenet_zoo.arch import Plan
from shufflenet_zoo.arch.complexity import analyse
from shufflenet_zoo.errors import ArgumentError


def some(*values):
    return st.sampled_from(values)


OUTPUTS = st.one_of(
    st.none(),
    some('stem', *range(5)),
    st.lists(some('stem', *range(5)), min_size=1, max_size=4).map(tuple),
    st.lists(VALUES, max_size=2),
)
SHARED = {
    'out_indices': OUTPUTS,
    'frozen_stages': some(-1, 0, 1, 2, 3, 'all'),
    'in_channels': st.integers(1, 4),
    'small_stem': st.booleans(),
    'output_stride': some(None, 32, 16, 8, 4, 2),
    'pool_padding': some('symmetric', 'same', 'ceil'),
}
FAMILIES = {
    'ShuffleNetV1': SHARED
    | {
        'groups': some(1, 2, 3, 4, 8),
        'widen_factor': st.one_of(some(0.25, 0.5, 0.75, 1.0), st.floats(0.05, 1.2)),
        'width_rule': some('mmpretrain', 'paper'),
        'stem_rule': some('mmpretrain', 'mmpretrain', 'mmpretrain', 'megvii'),
        'shuffle_order': some('paper', 'megvii', 'none'),
    },
    'ShuffleNetV2': SHARED
    | {
        'widen_factor': some(0.25, 0.33, 0.5, 1.0),
        'depth': some(None, None, None, None, 50, 164),
        'down_unit': some('halves', 'keep'),
        'shuffle': some('interleave', 'even_odd'),
        'last_channels': some(None, 1, 7, 512),
        'se': st.booleans(),
        'residual': st.booleans(),
        'extra_depthwise': st.booleans(),
    },
}
LAYERS = {
    'conv_cfg': st.one_of(
        st.none(), st.fixed_dictionaries({'type': some('Conv2d', 'Conv', 'Conv1d', 'BN', 'None', 3)})
    ),
    'norm_cfg': st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {'type': some('BN', 'BN', 'GN', 'mmpretrain.LN2d', 'LN', 'IN', 'BN1d', 'BN3d', 'ReLU', 'Batch')},
            optional={'num_groups': some(1, 2, 4), 'eps': st.floats(1e-6, 1e-3), 'requires_grad': st.booleans()},
        ),
    ),
    'act_cfg': st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {'type': some('ReLU', 'ReLU6', 'HSwish', 'SiLU', 'PReLU', 'LeakyReLU', 'GELU', 'BN', 'Conv2d', 'relu')},
            optional={'inplace': st.booleans(), 'negative_slope': st.floats(0, 1)},
        ),
    ),
    'norm_eval': st.booleans(),
    'with_cp': st.booleans(),
    'init_cfg': st.none(),
}


def refused(error: ArgumentError) -> None:
    event('refused')
    assert str(error) and '\n' not in str(error)


def check_plan(plan: Plan) -> None:
    """Check that the channels run through a plan, and that it announces those of its layers."""
    channels, layers = plan.stem.out_channels, {'stem': plan.stem.out_channels}
    for index, stage in enumerate(plan.stages):
        for unit in stage:
            assert unit.in_channels == channels
            channels = unit.out_channels
        layers[index] = channels
    if plan.last_conv:
        layers[len(plan.stages)] = plan.last_conv.out_channels
    for conv in plan.named_convs().values():
        assert conv.in_channels % conv.groups == conv.out_channels % conv.groups == 0
        assert min(conv.in_channels, conv.out_channels) > 0
    assert plan.out_channels == tuple(layers[index] for index in plan.out_indices)
    assert len(plan.out_strides) == len(plan.out_indices)


def check_shapes(plan: Plan, size: tuple[int, int], shapes: Sequence) -> None:
    """Check the shapes of outputs for two images against those that the plan and its analysis announce."""
    parts = dict(zip(['stem', *range(5)], analyse(plan, size), strict=False))
    assert [tuple(shape) for shape in shapes] == [(2, *parts[index].output) for index in plan.out_indices]
    assert [shape[1] for shape in shapes] == list(plan.out_channels)
    if plan.stem.pool_padding != 'ceil':
        sides = [tuple(math.ceil(side / stride) for side in size) for stride in plan.out_strides]
        assert [tuple(shape[2:]) for shape in shapes] == sides


def backbones(family: str) -> st.SearchStrategy:
    return arguments(FAMILIES[family]).map(lambda chosen: chosen | {'type': family})


def networks(**others: st.SearchStrategy) -> st.SearchStrategy[tuple[str, dict]]:
    """A family and arguments, those of the layers among them."""
    # The deep networks have their own tests.
    shallow = {'ShuffleNetV1': {}, 'ShuffleNetV2': {'depth': st.none()}}
    return st.one_of(
        arguments(FAMILIES[family] | LAYERS | fixed | others).map(lambda chosen, family=family: (family, chosen))
        for family, fixed in shallow.items()
    )
