"""Layers by the config's names compute what PyTorch's compute."""

import mindspore as ms
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.signal import carry_signal
from helpers.twins import copy_weights

from shufflenet_zoo.arch import Conv
from shufflenet_zoo.backbones import layers as torch_layers
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl import layers

CONV = Conv(6, 8, 3, stride=2, groups=2, act=True)
BN, RELU = {'type': 'BN'}, {'type': 'ReLU'}
NORMS = [
    BN,
    {'type': 'BN', 'eps': 1e-2, 'momentum': 0.3},
    {'type': 'GN', 'num_groups': 2},
    {'type': 'GN', 'num_groups': 4, 'eps': 1e-2},
    {'type': 'mmpretrain.LN2d'},
    {'type': 'mmpretrain.LN2d', 'eps': 0.1},
    None,
]
ACTIVATIONS = [
    RELU,
    {'type': 'ReLU6'},
    {'type': 'HSwish'},
    {'type': 'SiLU'},
    {'type': 'Swish'},
    {'type': 'PReLU'},
    {'type': 'PReLU', 'init': 0.4},
    {'type': 'LeakyReLU'},
    {'type': 'LeakyReLU', 'negative_slope': 0.2},
    {'type': 'GELU'},
    {'type': 'GELU', 'approximate': 'tanh'},
    {'type': 'ReLU', 'inplace': False},
    None,
]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def assert_equal_layers(norm_cfg, act_cfg) -> None:
    module = torch_layers.LayerConfig(None, norm_cfg, act_cfg).conv(CONV)
    cell = layers.LayerConfig(None, norm_cfg, act_cfg).conv(CONV)
    copy_weights(carry_signal(module), cell)
    x = 3 * random(4, 6, 9, 10)
    for training in (True, False):  # the first pass moves the statistics that the second one uses
        expected = module.train(training)(torch.tensor(x)).detach().numpy()
        found = cell.set_train(training)(ms.Tensor(x)).asnumpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize('norm_cfg', NORMS, ids=str)
def test_norms_equal_pytorch(norm_cfg):
    assert_equal_layers(norm_cfg, RELU)


@pytest.mark.parametrize('act_cfg', ACTIVATIONS, ids=str)
def test_activations_equal_pytorch(act_cfg):
    assert_equal_layers(BN, act_cfg)


@pytest.mark.parametrize('kind', ['BN', 'GN', 'LN2d'])
@pytest.mark.parametrize('requires_grad', [True, False])
def test_norms_train_as_the_config_says(kind, requires_grad):
    cfg = {'type': kind, 'requires_grad': requires_grad} | ({'num_groups': 2} if kind == 'GN' else {})
    cell = layers.LayerConfig(None, cfg, None).conv(CONV)
    trained = {p.name.rpartition('.')[2] for p in cell.trainable_params()}
    assert trained == ({'weight', 'gamma', 'beta'} if requires_grad else {'weight'})


@pytest.mark.parametrize(
    ('argument', 'cfg', 'message'),
    [
        ('norm_cfg', {'type': 'IN'}, "one of BN, BN2d, SyncBN, GN, LN2d; got 'IN'"),
        ('norm_cfg', {'type': 'mmdet.BN'}, "got 'mmdet.BN'"),
        ('norm_cfg', {'type': 'SyncBN'}, "'SyncBN' exists in MindSpore on Ascend only"),
        ('norm_cfg', {'type': 'BN', 'affine': False}, "takes eps, momentum, requires_grad in MindSpore; got 'affine'"),
        ('norm_cfg', {'type': 'BN', 'momentum': None}, 'momentum must be a number'),
        ('norm_cfg', {'type': 'GN'}, "must give 'num_groups'"),
        ('norm_cfg', {'eps': 1e-5}, 'must have a type'),
        ('act_cfg', {'type': 'ELU'}, "got 'ELU'"),
        ('act_cfg', {'type': 'PReLU', 'num_parameters': 8}, "got 'num_parameters'"),
        ('act_cfg', {'type': 'GELU', 'approximate': 'erf'}, "one of 'none', 'tanh'; got 'erf'"),
        ('conv_cfg', {'type': 'DCN'}, "one of Conv2d, Conv; got 'DCN'"),
        (
            'conv_cfg',
            {'type': 'Conv2d', 'padding_mode': 'circular'},
            "takes no arguments in MindSpore; got 'padding_mode'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_layers_that_mindspore_cannot_build_are_refused(argument, cfg, message):
    with pytest.raises(ArgumentError, match=f'{argument}.*{message}'):
        layers.LayerConfig(**({'conv_cfg': None, 'norm_cfg': BN, 'act_cfg': RELU} | {argument: cfg}))


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(ArgumentError, match='num_groups=3 does not divide a convolution of 8 channels'):
        layers.LayerConfig(None, {'type': 'GN', 'num_groups': 3}, RELU).conv(CONV)


@pytest.mark.parametrize('size', [(8, 8), (7, 9), (7, 8), (8, 3), (2, 2), (1, 2)])
@pytest.mark.parametrize('padding', ['symmetric', 'same', 'ceil'])
@pytest.mark.parametrize('training', [False, True])
def test_max_pool_equals_pytorch(padding, size, training):
    if padding == 'ceil' and min(size) < 2:
        pytest.skip('the ceil-mode pool has no output')
    x = random(2, 3, *size) - 5  # below zero: a pad of zeros would win
    cell, layer = layers.MaxPool(padding).set_train(training), torch_layers.max_pool(padding)
    expected = torch.tensor(x, requires_grad=True)
    layer(expected).square().sum().backward()
    np.testing.assert_array_equal(cell(ms.Tensor(x)).asnumpy(), layer(expected).detach().numpy())
    gradient = ms.grad(lambda value: cell(value).square().sum())(ms.Tensor(x))
    np.testing.assert_allclose(gradient.asnumpy(), expected.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize('size', [(8, 8), (7, 9), (7, 8)])
@pytest.mark.parametrize(
    ('padding', 'stride', 'dilation'),
    [
        ('symmetric', 2, 1),
        ('symmetric', 1, 1),
        ('symmetric', 1, 2),
        ('symmetric', 1, 4),
        ('same', 2, 1),
        ('same', 1, 1),
    ],
)
def test_shortcut_pool_equals_pytorch(padding, stride, dilation, size):
    x = random(2, 3, *size)
    found = layers.shortcut_pool(3, padding, stride, dilation)(ms.Tensor(x)).asnumpy()
    expected = torch_layers.shortcut_pool(padding, stride, dilation)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('rows', [2, 3, 4, 6])
def test_channel_shuffle_and_its_gradient(rows, mode):
    x, weight = random(2, 12, 3, 4), random(2, 12, 3, 4)
    cell = layers.ChannelShuffle(12, rows)
    expected = torch.tensor(x, requires_grad=True)
    shuffled = torch_layers.channel_shuffle(expected, rows)
    (shuffled * torch.tensor(weight)).sum().backward()
    np.testing.assert_array_equal(cell(ms.Tensor(x)).asnumpy(), shuffled.detach().numpy())

    def loss(value):
        return (cell(value) * ms.Tensor(weight)).sum()

    np.testing.assert_array_equal(ms.grad(loss)(ms.Tensor(x)).asnumpy(), expected.grad.numpy())
    assert not np.array_equal(weight, expected.grad.numpy())


def test_folding_into_the_convolution_changes_rounding_only(monkeypatch):
    cell = layers.LayerConfig(None, BN, RELU).conv(CONV)
    copy_weights(carry_signal(torch_layers.LayerConfig(None, BN, RELU).conv(CONV)), cell)
    x = ms.Tensor(random(2, 6, 9, 9))
    cell.set_train(False)
    apart = F.relu(torch.tensor(cell.bn(cell.conv(x)).asnumpy())).numpy()
    # The layer itself is not run.
    monkeypatch.setattr(layers.BatchNorm2d, 'construct', None, raising=False)
    np.testing.assert_allclose(cell(x).asnumpy(), apart, rtol=1e-5, atol=1e-6)
