"""Exact sizes: parameters and multiply-adds of the published networks, and the count against the built model."""

import pytest

from shufflenet_zoo.arch import plan_v1, plan_v2
from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.arch.variants import VARIANTS


@pytest.mark.parametrize(
    ('groups', 'width', 'parameters'),
    [
        (1, 1.0, 1_530_936),
        (2, 1.0, 1_732_848),
        (3, 1.0, 1_864_728),
        (4, 1.0, 1_967_344),
        (8, 1.0, 2_433_768),
        (3, 0.5, 717_324),
        (3, 1.5, 3_441_168),
        (3, 2.0, 5_449_776),
        (8, 0.5, 1_010_448),
        (8, 1.5, 4_268_952),
        (8, 2.0, 6_521_232),
    ],
)
def test_v1_parameters(groups, width, parameters):
    plan = plan_v1(groups, width, width_rule='paper', stem_rule='megvii')
    assert total(analyse(plan, num_classes=1000, head_bias=False)).parameters == parameters


@pytest.mark.parametrize(
    ('width', 'keep', 'halves', 'star'),
    [
        (0.5, 1_365_792, 1_366_792, 9_504),
        (1.0, 2_278_760, 2_278_604, 22_594),
        (1.5, 3_506_720, 3_503_624, 34_144),
        (2.0, 7_402_600, 7_393_996, 47_234),
    ],
)
def test_v2_parameters(width, keep, halves, star):

    def parameters(head_bias, **arguments):
        return total(analyse(plan_v2(width, **arguments), num_classes=1000, head_bias=head_bias)).parameters

    assert parameters(False, down_unit='keep') == keep
    assert parameters(True) == halves
    assert parameters(False, down_unit='keep', extra_depthwise=True) == keep + star


@pytest.mark.parametrize(('groups', 'millions'), [(1, 142.50), (2, 140.04), (3, 136.50), (4, 133.25), (8, 136.83)])
def test_v1_multiply_adds_of_the_convolutions(groups, millions):
    assert round(total(analyse(plan_v1(groups))).multiply_adds / 1e6, 2) == millions


@pytest.mark.parametrize(('width', 'millions'), [(0.5, 40.48), (1.0, 145.81), (1.5, 298.97), (2.0, 590.78)])
def test_v2_multiply_adds_with_the_head(width, millions):
    plan = plan_v2(width, down_unit='keep')
    assert round(total(analyse(plan, num_classes=1000)).multiply_adds / 1e6, 2) == millions


def test_deep_networks():
    assert round(total(analyse(plan_v2(depth=50), num_classes=1000)).multiply_adds / 1e9, 1) == 2.3
    se_164 = total(analyse(plan_v2(depth=164, se=True, residual=True), num_classes=1000))
    assert round(se_164.multiply_adds / 1e9, 1) == 12.6
    # The 140.7 M of megvii's README belong to its released V2.Large with auxiliary heads, another network.
    assert round(se_164.parameters / 1e6, 1) == 133.1


@pytest.mark.parametrize('name', [name for name in VARIANTS if '164' not in name])
def test_count_equals_the_built_model(name):
    torch = pytest.importorskip('torch')
    from torch.utils.flop_counter import FlopCounterMode

    from shufflenet_zoo.registry import MODELS

    variant = VARIANTS[name]
    model = MODELS.build(variant.backbone).eval()
    counted = total(analyse(variant.plan(), size=(97, 160)))
    assert sum(p.numel() for p in model.parameters()) == counted.parameters
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(torch.zeros(1, 3, 97, 160))
    assert flops.get_total_flops() == 2 * counted.multiply_adds


def test_memory_access_of_one_pointwise_convolution_is_the_papers():
    """V2 Section 2, G1: hw(c1 + c2) + c1 c2."""
    plan = plan_v2()
    last_conv = analyse(plan)[-1]
    assert last_conv.cost.conv_access == 49 * (464 + 1024) + 464 * 1024


def test_shuffle_free_network_moves_fewer_elements():
    with_shuffle, without = (total(analyse(plan_v1(3, shuffle_order=order))) for order in ('paper', 'none'))
    assert with_shuffle.multiply_adds == without.multiply_adds
    assert with_shuffle.elementwise_access > without.elementwise_access
