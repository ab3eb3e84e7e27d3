"""Bit-equality with the installed mmpretrain and torchvision, and what mmpretrain's own tests demand."""

import itertools

import mmpretrain.models.backbones as upstream
import pytest
import torch
import torchvision
from helpers.signal import carry_signal
from torch.nn.modules.batchnorm import _BatchNorm

from shufflenet_zoo.backbones import InvertedResidual, ShuffleNetV1, ShuffleNetV2, ShuffleUnit
from shufflenet_zoo.errors import ArgumentError

UPSTREAM_CANNOT_BUILD = [
    (3, 0.25),
    (3, 0.75),
    *itertools.product((4,), (0.25, 0.5, 0.75, 1.5)),
    *itertools.product((8,), (0.25, 0.5, 0.75, 1.5)),
]
V1_SIZES = list(itertools.product((1, 2, 3, 4, 8), (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)))


def assert_equal_features(theirs, ours):
    carry_signal(theirs).train(False)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ours.eval()
    x = torch.randn(2, 3, 65, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for expected, feature in zip(theirs(x), ours(x), strict=True):
            assert expected.std() > 1e-2
            assert torch.equal(expected, feature)


@pytest.mark.parametrize(('groups', 'width'), [size for size in V1_SIZES if size not in UPSTREAM_CANNOT_BUILD])
def test_v1_equals_mmpretrain(groups, width):
    arguments = {'groups': groups, 'widen_factor': width, 'out_indices': (0, 1, 2)}
    assert_equal_features(upstream.ShuffleNetV1(**arguments), ShuffleNetV1(**arguments))


@pytest.mark.parametrize(('groups', 'width'), UPSTREAM_CANNOT_BUILD)
def test_v1_sizes_that_mmpretrain_cannot_build_are_refused(groups, width):
    with pytest.raises(ValueError):
        upstream.ShuffleNetV1(groups=groups, widen_factor=width)
    with pytest.raises(ArgumentError, match=f'groups={groups} and widen_factor={width} cannot be built'):
        ShuffleNetV1(groups=groups, widen_factor=width)


@pytest.mark.parametrize('width', [0.5, 1.0, 1.5, 2.0])
def test_v2_equals_mmpretrain(width):
    arguments = {'widen_factor': width, 'out_indices': (0, 1, 2, 3)}
    assert_equal_features(upstream.ShuffleNetV2(**arguments), ShuffleNetV2(**arguments))


@pytest.mark.parametrize('width', [0.5, 1.0, 1.5, 2.0])
def test_v2_equals_torchvision(width):
    name = f'shufflenet_v2_x{str(width).replace(".", "_")}'
    theirs = carry_signal(torchvision.models.get_model(name)).eval()
    ours = ShuffleNetV2(width).eval()
    tensors = [t for key, t in theirs.state_dict().items() if not key.startswith('fc.')]
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    x = torch.randn(2, 3, 65, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(theirs.fc(ours(x)[0].mean((2, 3))), theirs(x))


@pytest.mark.parametrize('order', ['megvii', 'none'])
def test_another_shuffle_order_is_another_network(order):
    theirs = carry_signal(upstream.ShuffleNetV1(widen_factor=0.5))
    theirs.train(False)
    ours = ShuffleNetV1(widen_factor=0.5, shuffle_order=order).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(theirs(x)[0], ours(x)[0], rtol=0.1)


@pytest.mark.parametrize(
    ('ours', 'theirs'), [(ShuffleNetV1, upstream.ShuffleNetV1), (ShuffleNetV2, upstream.ShuffleNetV2)]
)
def test_initial_convolutions_equal_mmpretrains(ours, theirs):
    models = []
    for cls in (ours, theirs):
        torch.manual_seed(0)
        models.append(cls())
        models[-1].init_weights()
    state, expected = (model.state_dict() for model in models)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state if name.endswith('conv.weight'))


# What mmpretrain's unit tests ask of its classes.


def test_shuffle_unit_as_upstream_uses_it():
    with pytest.raises(ValueError):
        ShuffleUnit(24, 16, groups=3, first_block=True, combine='test')
    with pytest.raises(AssertionError):
        ShuffleUnit(64, 24, groups=4, first_block=True, combine='add')
    x = torch.randn(1, 24, 56, 56)
    assert ShuffleUnit(24, 24, groups=3, first_block=True, combine='add')(x).shape == (1, 24, 56, 56)
    assert ShuffleUnit(24, 240, groups=3, first_block=True, combine='concat')(x).shape == (1, 240, 28, 28)
    unit = ShuffleUnit(24, 24, groups=3, first_block=True, combine='add', with_cp=True)
    assert unit.with_cp
    assert unit(x.requires_grad_()).shape == (1, 24, 56, 56)


def test_inverted_residual_as_upstream_uses_it():
    with pytest.raises(AssertionError):
        InvertedResidual(24, 32, stride=1)
    assert InvertedResidual(24, 48, stride=2)(torch.randn(1, 24, 56, 56)).shape == (1, 48, 28, 28)
    unit = InvertedResidual(48, 48, stride=1, with_cp=True)
    assert unit.with_cp
    assert unit(torch.randn(1, 48, 56, 56, requires_grad=True)).shape == (1, 48, 56, 56)


@pytest.mark.parametrize(
    ('cls', 'arguments'),
    [
        (ShuffleNetV1, {'frozen_stages': 10}),
        (ShuffleNetV1, {'out_indices': [5]}),
        (ShuffleNetV1, {'groups': 10}),
        (ShuffleNetV2, {'frozen_stages': 4}),
        (ShuffleNetV2, {'out_indices': (4,)}),
        (ShuffleNetV2, {'widen_factor': 3.0}),
    ],
)
def test_arguments_that_upstream_refuses_raise_value_error(cls, arguments):
    with pytest.raises(ValueError):
        cls(**arguments)


@pytest.mark.parametrize('cls', [ShuffleNetV1, ShuffleNetV2])
def test_backbones_as_upstream_uses_them(cls):
    with pytest.raises(TypeError):
        cls().init_weights(pretrained=1)
    model = cls(frozen_stages=1, out_indices=(0, 1, 2))
    model.init_weights()
    model.train()
    assert not any(p.requires_grad for p in [*model.conv1.parameters(), *model.layers[0].parameters()])
    assert not any(m.training for m in model.layers[0].modules() if isinstance(m, _BatchNorm))
    features = model(torch.randn(1, 3, 224, 224))
    assert [feature.shape[-1] for feature in features] == [28, 14, 7]
    units = [m for m in cls(with_cp=True).modules() if isinstance(m, (ShuffleUnit, InvertedResidual))]
    assert len(units) == 16 and all(unit.with_cp for unit in units)
