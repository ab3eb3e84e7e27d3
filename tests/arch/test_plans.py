"""The plans: channels, strides, dilation, and the refusal of everything that cannot be built."""

import math
import re

import numpy as np
import pytest

from shufflenet_zoo.arch import feature_channels, plan_backbone, plan_v1, plan_v2
from shufflenet_zoo.errors import ArgumentError

V1_TABLE_1 = {1: (144, 288, 576), 2: (200, 400, 800), 3: (240, 480, 960), 4: (272, 544, 1088), 8: (384, 768, 1536)}
ALL_V1 = ('stem', 0, 1, 2)
ALL_V2 = ('stem', 0, 1, 2, 3)


@pytest.mark.parametrize('groups', V1_TABLE_1)
@pytest.mark.parametrize('rule', ['mmpretrain', 'paper'])
def test_v1_has_the_channels_of_table_1(groups, rule):
    assert plan_v1(groups, out_indices=ALL_V1, width_rule=rule).out_channels == (24, *V1_TABLE_1[groups])


@pytest.mark.parametrize('groups', V1_TABLE_1)
@pytest.mark.parametrize('width', [0.25, 0.5, 0.75, 1.0, 1.5, 2.0])
def test_paper_rule_builds_every_width_and_rounds_only_what_groups_cannot_divide(groups, width):
    plan = plan_v1(groups, width, ALL_V1, width_rule='paper')
    for channels, base in zip(plan.out_channels, (24, *V1_TABLE_1[groups]), strict=True):
        divisor = groups if base == 24 else 4 * groups
        assert channels % divisor == 0
        assert abs(channels - base * width) <= divisor / 2
        if base * width % divisor == 0:
            assert channels == base * width


@pytest.mark.parametrize(
    ('groups', 'width', 'stem'), [(3, 0.5, 12), (8, 0.5, 16), (3, 1.5, 24), (8, 2.0, 48), (4, 1.0, 24)]
)
def test_megvii_stems(groups, width, stem):
    assert plan_v1(groups, width, 'stem', width_rule='paper', stem_rule='megvii').out_channels == (stem,)


@pytest.mark.parametrize(
    ('width', 'channels'),
    [
        (0.25, (24, 48, 96, 512)),
        (0.33, (32, 64, 128, 512)),
        (0.5, (48, 96, 192, 1024)),
        (1.0, (116, 232, 464, 1024)),
        (1.5, (176, 352, 704, 1024)),
        (2.0, (244, 488, 976, 2048)),
    ],
)
def test_v2_has_the_channels_of_table_5(width, channels):
    plan = plan_v2(width, ALL_V2)
    assert plan.out_channels == (24, *channels)
    assert plan.out_strides == (4, 8, 16, 32, 32)


def test_keeping_the_projection_width_splits_a_stride_2_unit_unequally():
    unit = plan_v2(down_unit='keep').stages[0][0]
    assert (unit.shortcut_channels, unit.main_out_channels) == (24, 92)


@pytest.mark.parametrize(
    ('output_stride', 'strides', 'dilations'),
    [
        (32, (8, 16, 32), [(1, 1), (1, 1), (1, 1)]),
        (16, (8, 16, 16), [(1, 1), (1, 1), (1, 2)]),
        (8, (8, 8, 8), [(1, 1), (1, 2), (2, 4)]),
    ],
)
@pytest.mark.parametrize('planner', [plan_v1, plan_v2])
def test_output_stride_turns_stride_into_dilation_behind_the_transition(planner, output_stride, strides, dilations):
    plan = planner(out_indices=(0, 1, 2), output_stride=output_stride)
    assert plan.out_strides == strides
    assert [(units[0].dilation, units[1].dilation) for units in plan.stages] == dilations


def test_small_stem_keeps_the_resolution():
    assert plan_v1(out_indices=ALL_V1, small_stem=True).out_strides == (1, 2, 4, 8)
    assert plan_v2(out_indices=ALL_V2, small_stem=True, output_stride=4).out_strides == (1, 2, 4, 4, 4)


def test_deep_network_keeps_the_resolution_of_the_stem_in_its_first_stage():
    plan = plan_v2(depth=50, out_indices=('stem', 0, 1, 2, 3, 4))
    assert plan.out_strides == (4, 4, 8, 16, 32, 32)
    assert plan.out_channels == (64, 244, 488, 976, 1952, 2048)


def test_feature_channels_reads_a_config():
    assert feature_channels({'type': 'shufflenet_zoo.ShuffleNetV2', 'out_indices': (0, 1, 2)}) == [116, 232, 464]
    assert feature_channels({'type': 'ShuffleNetV1', 'groups': 8, 'norm_cfg': {'type': 'GN'}}) == [1536]


@pytest.mark.parametrize(
    ('call', 'words'),
    [
        (lambda: plan_v1(5), 'groups must be one of 1, 2, 3, 4, 8; got 5'),
        (lambda: plan_v1(True), 'groups must be one of'),
        (lambda: plan_v1(widen_factor=0), 'widen_factor must be a positive number, got 0'),
        (lambda: plan_v1(3, 0.01), 'the stem would have 0 channels'),
        (lambda: plan_v1(8, 0.25), 'groups=8 and widen_factor=0.25 cannot be built'),
        (lambda: plan_v1(3, 0.75, stem_rule='megvii'), "stem_rule='megvii' is published for"),
        (lambda: plan_v1(width_rule='timm'), "width_rule must be one of 'mmpretrain', 'paper'; got 'timm'"),
        (lambda: plan_v1(shuffle_order='reverse'), "shuffle_order must be one of 'paper', 'megvii', 'none'"),
        (lambda: plan_v1(out_indices=(7,)), "out_indices must be one of 'stem', 0, 1, 2; got 7"),
        (lambda: plan_v1(out_indices=()), 'out_indices must name at least one'),
        (lambda: plan_v1(frozen_stages=3), "frozen_stages must be one of -1, 0, 1, 2, 'all'; got 3"),
        (lambda: plan_v1(in_channels=0), 'in_channels must be a positive integer, got 0'),
        (lambda: plan_v1(output_stride=4), 'output_stride must be one of None, 32, 16, 8; got 4'),
        (lambda: plan_v1(small_stem=True, output_stride=32), 'output_stride must be one of None, 8, 4, 2; got 32'),
        (lambda: plan_v1(pool_padding='valid'), "pool_padding must be one of 'symmetric', 'same', 'ceil'"),
        (lambda: plan_v1(pool_padding='same', output_stride=16), "needs pool_padding='symmetric'"),
        (lambda: plan_v2(0.7), 'widen_factor must be one of 0.25, 0.33, 0.5, 1.0, 1.5, 2.0; got 0.7'),
        (lambda: plan_v2(0.25, down_unit='keep'), "down_unit='keep' leaves the main branch 0 channels"),
        (lambda: plan_v2(depth=101), 'depth must be one of None, 50, 164; got 101'),
        (lambda: plan_v2(2.0, depth=50), 'widen_factor must be 1.0 with depth=50, got 2.0'),
        (lambda: plan_v2(last_channels=0), 'last_channels must be a positive integer, got 0'),
        (lambda: plan_v2(shuffle='random'), "shuffle must be one of 'interleave', 'even_odd'"),
        (
            lambda: plan_backbone({'type': 'ResNet'}),
            'the backbone type must be one of ShuffleNetV1, ShuffleNetV2',
        ),
        (
            lambda: plan_backbone({'type': 'ShuffleNetV1', 'grups': 2}),
            "ShuffleNetV1 has no argument 'grups'; did you mean 'groups'?",
        ),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ArgumentError) as error:
        call()
    assert words in str(error.value)
    assert '\n' not in str(error.value)


def test_argument_errors_are_what_mmpretrain_raises():
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(ArgumentError, AssertionError)


@pytest.mark.parametrize('given', [(2, 'stem', 0), (0, 2, 0, 'stem'), ['stem', 0, 2]])
def test_outputs_are_announced_in_the_order_of_the_network(given):
    plan = plan_v1(out_indices=given)
    assert plan.out_indices == ('stem', 0, 2)
    assert plan.out_channels == (24, 240, 960)
    assert plan.out_strides == (4, 8, 32)
    assert feature_channels({'type': 'ShuffleNetV1', 'out_indices': given}) == [24, 240, 960]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'out_indices': 1.5}, 'out_indices must name at least one of'),
        ({'out_indices': (1.0,)}, 'out_indices must be one of'),
        ({'out_indices': ()}, 'out_indices must name at least one of'),
        ({'widen_factor': math.inf}, 'widen_factor must be'),
        ({'widen_factor': math.nan}, 'widen_factor must be'),
        ({'frozen_stages': 1.0}, 'frozen_stages must be one of'),
        ({'frozen_stages': True}, 'frozen_stages must be one of'),
        ({'output_stride': np.ones(2)}, 'output_stride must be one of'),
        ({'in_channels': 3.0}, 'in_channels must be a positive integer'),
        ({'in_chanels': 3}, "no argument 'in_chanels'; did you mean 'in_channels'?"),
    ],
)
@pytest.mark.parametrize('family', ['ShuffleNetV1', 'ShuffleNetV2'])
def test_arguments_of_wrong_types_are_our_errors(family, arguments, words):
    with pytest.raises(ArgumentError, match=re.escape(words)):
        plan_backbone({'type': family, **arguments})


def test_numpys_integers_are_integers():
    assert plan_v1(np.int64(3), out_indices=np.int64(1)).out_channels == (480,)
