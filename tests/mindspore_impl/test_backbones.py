"""The MindSpore backbones are the PyTorch ones: the same questions to every network."""

import copy

import mindspore as ms
import numpy as np
import pytest
from helpers.compare import difference
from helpers.networks import STRUCTURES, V1, V2, VARIANT_PARAMETERS, images
from helpers.signal import torch_name
from helpers.twins import assert_same_features, build_cell, gradients, twins
from mindspore import nn

from shufflenet_zoo.arch import V1Unit, V2Unit, plan_backbone
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl.layers import LayerConfig
from shufflenet_zoo.mindspore_impl.shufflenet_v1 import ShuffleUnit
from shufflenet_zoo.mindspore_impl.shufflenet_v2 import InvertedResidual

MORE_STRUCTURES = {
    'v1-megvii-order': V1 | {'shuffle_order': 'megvii'},
    'v1-ceil-pool': V1 | {'pool_padding': 'ceil'},
    'v2-even-odd-star-se-residual': V2 | {'shuffle': 'even_odd', 'extra_depthwise': True, 'se': True, 'residual': True},
    'v2-gn-hswish': V2 | {'norm_cfg': {'type': 'GN', 'num_groups': 2}, 'act_cfg': {'type': 'HSwish'}},
    'v2-ln-prelu': V2 | {'norm_cfg': {'type': 'mmpretrain.LN2d'}, 'act_cfg': {'type': 'PReLU'}},
    'v1-bare': V1 | {'norm_cfg': None, 'act_cfg': None},
}
one_of_each = pytest.mark.parametrize('cfg', [V1, V2], ids=['v1', 'v2'])
LAYERS = LayerConfig(None, {'type': 'BN'}, {'type': 'ReLU'})
UNITS = {
    'v1-add': (ShuffleUnit, V1Unit(24, 24, first_block=False)),
    'v1-concat': (ShuffleUnit, V1Unit(24, 48, combine='concat')),
    'v2': (InvertedResidual, V2Unit(16, 16, se=True, residual=True)),
    'v2-down': (InvertedResidual, V2Unit(16, 32, stride=2)),
    'v2-even-odd': (InvertedResidual, V2Unit(16, 16, shuffle='even_odd')),
}


def statistics(cell: nn.Cell) -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy().copy() for p in cell.get_parameters() if 'moving' in p.name}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize('name', VARIANT_PARAMETERS)
def test_every_variant_has_the_planned_parameters(name):
    cell, plan = build_cell(VARIANTS[name].backbone), VARIANTS[name].plan()
    shapes = {p.name: tuple(p.shape) for p in cell.get_parameters()}
    for module, conv in plan.named_convs().items():
        assert shapes.pop(f'{module}.conv.weight') == conv.weight_shape
        words = ('bn.gamma', 'bn.beta', 'bn.moving_mean', 'bn.moving_variance') if conv.norm else ('conv.bias',)
        for word in words:
            assert shapes.pop(f'{module}.{word}') == (conv.out_channels,)
    assert not shapes
    assert (cell.out_channels, cell.out_strides) == (plan.out_channels, plan.out_strides)


@pytest.mark.parametrize('cfg', (STRUCTURES | MORE_STRUCTURES).values(), ids=STRUCTURES | MORE_STRUCTURES)
def test_features_equal_pytorch(cfg):
    model, cell = twins(cfg)
    assert_same_features(model, cell, images(cfg, 65, 96))


@pytest.mark.parametrize('cfg', [STRUCTURES['v1-every-output'], STRUCTURES['v2-every-output']], ids=['v1', 'v2'])
def test_features_equal_pytorch_in_graph_mode(cfg):
    ms.set_context(mode=ms.GRAPH_MODE)
    model, cell = twins(cfg)
    assert_same_features(model, cell, images(cfg, 64, 97))


@one_of_each
def test_a_training_step_equals_pytorch(cfg):
    model, cell = twins(cfg)
    x = images(cfg, 96, 96, batch=4)
    found = gradients(cell, x.numpy())
    exact = copy.deepcopy(model).double()
    for network, batch in ((model, x), (exact, x.double())):
        sum(y.square().mean() for y in network.train()(batch)).backward()
    expected = {name: p.grad.numpy() for name, p in exact.named_parameters()}
    rounded = {name: p.grad.numpy() for name, p in model.named_parameters()}
    assert {torch_name(name) for name in found} == expected.keys()
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    for name, gradient in found.items():
        name = torch_name(name)
        noise = np.abs(rounded[name] - expected[name]).max()
        assert np.abs(gradient - expected[name]).max() <= 10 * noise + 1e-5 * largest, name
    buffers = dict(model.named_buffers())
    for name, array in statistics(cell).items():
        np.testing.assert_allclose(array, buffers[torch_name(name)].numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


@one_of_each
@pytest.mark.parametrize('frozen', [-1, 0, 2, 'all'])
def test_frozen_parts_keep_parameters_and_statistics(cfg, frozen):
    cell = build_cell(cfg, frozen_stages=frozen)
    # A cell around the backbone, as every classifier is: set_train of the outer one must not thaw anything.
    outer = nn.SequentialCell(cell)
    outer.set_train(False).set_train(True)
    before = statistics(cell)
    outer(ms.Tensor(images(cfg).numpy()))
    layers = len(cell.layers)
    frozen = layers if frozen == 'all' else frozen
    is_frozen = {'conv1': frozen >= 0, **{f'layers.{i}': i < frozen for i in range(layers)}}
    prefixes = {
        name: next(part for part in is_frozen if f'.{part}.' in f'.{name}')
        for name in (p.name for p in cell.get_parameters())
    }
    for name, array in statistics(cell).items():
        assert np.array_equal(array, before[name]) == is_frozen[prefixes[name]], name
    for parameter in cell.get_parameters():
        assert parameter.requires_grad == ('moving' not in parameter.name and not is_frozen[prefixes[parameter.name]])


def test_norm_eval_keeps_all_statistics_but_trains_the_parameters():
    cell = build_cell(V2, norm_eval=True)
    before = statistics(cell)
    found = gradients(cell, images(V2).numpy())
    assert_same(statistics(cell), before)
    assert cell.training
    assert any('gamma' in name for name in found)


@pytest.mark.parametrize('cfg', [V1, V2 | {'frozen_stages': 1}], ids=['v1', 'v2-frozen'])
def test_recomputing_equals_keeping(cfg):
    x, results = images(cfg).numpy(), []
    for with_cp in (False, True):
        _, cell = twins(cfg, with_cp=with_cp)
        before = statistics(cell)
        results.append((gradients(cell, x), statistics(cell)))
    assert_same(results[0][0], results[1][0])
    assert_same(results[0][1], results[1][1])
    assert any(not np.array_equal(before[name], array) for name, array in results[1][1].items())


@pytest.mark.parametrize(('kind', 'unit'), UNITS.values(), ids=UNITS)
def test_recomputing_a_unit_equals_keeping(kind, unit, mode):
    x = np.random.default_rng(0).standard_normal((4, unit.in_channels, 12, 12)).astype(np.float32)
    results, weights = [], None
    for with_cp in (False, True):
        cell = kind(unit, LAYERS, with_cp)
        weights = weights or {p.name: p.asnumpy().copy() for p in cell.get_parameters()}
        for parameter in cell.get_parameters():
            parameter.set_data(ms.Tensor(weights[parameter.name]))
        results.append((gradients(cell, x), statistics(nn.SequentialCell(cell))))
    assert_same(results[0][0], results[1][0])
    assert_same(results[0][1], results[1][1])


@one_of_each
def test_initialisation_is_the_official_one(cfg):
    cell = build_cell(cfg)
    for parameter in cell.get_parameters():
        array = parameter.asnumpy()
        if array.ndim == 4:
            expected = 0.01 if parameter.name.startswith('conv1') else 1 / array.shape[1]
            assert abs(array.std() / expected - 1) < 5 / array.size**0.5, parameter.name
        else:
            values = {'gamma': 1, 'beta': 1e-4, 'moving_mean': 0, 'moving_variance': 1}
            assert np.allclose(array, values[parameter.name.rpartition('.')[2]], atol=0), parameter.name


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        ((1, 4, 64, 64), r'shape \(N, 3, H, W\), got \(1, 4, 64, 64\)'),
        ((3, 64, 64), r'shape \(N, 3, H, W\), got \(3, 64, 64\)'),
        ((1, 3, 64, 31), r'at least 32 pixels.*got \(64, 31\)'),
    ],
)
def test_images_that_do_not_fit_are_refused(shape, message, mode):
    with pytest.raises(ArgumentError, match=message):
        build_cell(V2)(ms.Tensor(np.zeros(shape, np.float32)))


@pytest.mark.parametrize(
    'arguments',
    [
        {'groups': 5},
        {'widen_factor': 0},
        {'out_indices': (7,)},
        {'frozen_stages': 9},
        {'in_channels': 0},
        {'init_cfg': {'type': 'Constant', 'val': 1}},
        {'norm_cfg': True},
        {'conv_cfg': 3},
        {'act_cfg': 1.5},
        {'norm_cfg': {'type': 'LN'}},
    ],
)
def test_arguments_that_cannot_be_built_are_refused_by_name(arguments):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        build_cell(V1, **arguments)


@pytest.mark.parametrize('level', ['O0', 'O2', 'O3', 'auto'])
@pytest.mark.parametrize('cfg', [V1 | {'out_indices': 0}, V2 | {'se': True}], ids=['v1', 'v2-se'])
def test_mixed_precision_is_near_to_full_precision(cfg, level):
    _, cell = twins(cfg)
    x = ms.Tensor(images(cfg).numpy())
    expected = cell(x)[0].asnumpy()
    mixed = ms.amp.auto_mixed_precision(cell, level)
    found = difference([mixed.set_train(False)(x)[0]], [expected])
    assert found < 0.02
    assert (found == 0) == (level == 'O0')
    assert np.isfinite(mixed.set_train(True)(x)[0].asnumpy()).all()


@pytest.mark.parametrize('level', ['O2', 'O3', 'auto'])
def test_mixed_precision_trains_in_graph_mode(level):
    ms.set_context(mode=ms.GRAPH_MODE)
    cell = ms.amp.auto_mixed_precision(InvertedResidual(V2Unit(16, 16), LAYERS), level)
    x = np.random.default_rng(0).standard_normal((2, 16, 8, 8)).astype(np.float32)
    for gradient in gradients(cell, x).values():
        assert np.isfinite(gradient).all()
    assert np.isfinite(cell.set_train(False)(ms.Tensor(x)).asnumpy()).all()


@one_of_each
def test_plan_is_that_of_the_config(cfg):
    assert build_cell(cfg).plan == plan_backbone(cfg)


def test_the_seed_decides_the_weights():
    arrays = []
    for seed in (1, 1, 2):
        ms.set_seed(seed)
        arrays.append(build_cell(V2).conv1.conv.weight.asnumpy())
    assert np.array_equal(arrays[0], arrays[1])
    assert not np.array_equal(arrays[0], arrays[2])
