"""Any arguments of the backbones: refused in one line by a class of ours, or a network that gives what it announces."""

import pytest
from helpers.arguments import FAMILIES, backbones, check_plan, check_shapes, networks, refused
from hypothesis import event, given, settings
from hypothesis import strategies as st

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.errors import ArgumentError


@settings(max_examples=2500)
@given(st.one_of(*(backbones(family) for family in FAMILIES)))
def test_plans(backbone):
    try:
        plan = plan_backbone(backbone)
    except ArgumentError as error:
        refused(error)
        return
    event('built')
    check_plan(plan)


@settings(max_examples=400)
@given(networks(), st.tuples(st.integers(0, 9), st.integers(0, 9)), st.booleans())
def test_networks_in_pytorch(network, beyond, training):
    torch = pytest.importorskip('torch')
    from shufflenet_zoo import backbones

    family, chosen = network
    try:
        backbone = getattr(backbones, family)(**chosen)
    except ArgumentError as error:
        refused(error)
        return
    event('built')
    size = tuple(max(backbone.out_strides) + pixels for pixels in beyond)
    with torch.no_grad():
        outputs = backbone.train(training)(torch.zeros(2, backbone.in_channels, *size))
    check_shapes(backbone.plan, size, [output.shape for output in outputs])


@pytest.mark.slow
@settings(max_examples=20)
@given(networks(), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_networks_in_mindspore(network, beyond):
    ms = pytest.importorskip('mindspore')
    from shufflenet_zoo import mindspore_impl

    family, chosen = network
    try:
        backbone = getattr(mindspore_impl, family)(**chosen).set_train(False)
    except ArgumentError as error:
        refused(error)
        return
    event('built')
    size = tuple(max(backbone.out_strides) + pixels for pixels in beyond)
    ms.set_context(mode=ms.PYNATIVE_MODE)
    outputs = backbone(ms.ops.zeros((2, backbone.in_channels, *size)))
    check_shapes(backbone.plan, size, [output.shape for output in outputs])
