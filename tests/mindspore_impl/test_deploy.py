"""The deploy form computes what the trained network computes, in MindSpore."""

import numpy as np
import pytest

mindspore = pytest.importorskip('mindspore')

from mindspore import Tensor, nn  # noqa: E402

import shufflenet_zoo.mindspore_impl as zoo  # noqa: E402
from shufflenet_zoo.errors import ArgumentError  # noqa: E402
from shufflenet_zoo.mindspore_impl.deploy import export, to_deploy  # noqa: E402

BOUND = 1e-5
V1 = {'type': zoo.ShuffleNetV1, 'widen_factor': 0.5, 'width_rule': 'paper'}
V2 = {'type': zoo.ShuffleNetV2, 'widen_factor': 0.5}
GN = {'type': 'GN', 'num_groups': 2}
STRUCTURES = {
    'v1': V1,
    'v1-g1': V1 | {'groups': 1},
    'v1-g8-megvii': V1 | {'groups': 8, 'shuffle_order': 'megvii', 'stem_rule': 'megvii'},
    'v1-unshuffled': V1 | {'shuffle_order': 'none', 'small_stem': True},
    'v1-stride-8': V1 | {'output_stride': 8, 'out_indices': ('stem', 0, 2)},
    'v1-same': V1 | {'pool_padding': 'same'},
    'v1-group-norm': V1 | {'norm_cfg': GN, 'groups': 4},
    'v2-every-output': V2 | {'out_indices': ('stem', 0, 1, 2, 3)},
    'v2-megvii-star': V2 | {'down_unit': 'keep', 'shuffle': 'even_odd', 'extra_depthwise': True},
    # Not both at once: gates on sums amplify rounding beyond the bound.
    'v2-se-silu': V2 | {'se': True, 'act_cfg': {'type': 'SiLU'}},
    'v2-residual': V2 | {'residual': True},
    'v2-group-norm': V2 | {'norm_cfg': GN, 'shuffle': 'even_odd', 'extra_depthwise': True},
    'v2-prelu-ceil': V2 | {'act_cfg': {'type': 'PReLU'}, 'pool_padding': 'ceil'},
    'v2-stride-8': V2 | {'output_stride': 8},
}


def randomised(cell: nn.Cell) -> nn.Cell:
    """Give a cell weights that hide no error."""
    generator = np.random.default_rng(0)

    def draw(parameter, low, high):
        parameter.set_data(Tensor(generator.uniform(low, high, parameter.shape).astype(np.float32)))

    for _, part in cell.cells_and_names():
        if isinstance(part, nn.Conv2d):
            bound = np.sqrt(6 / np.prod(part.weight.shape[1:]))
            draw(part.weight, -bound, bound)
        elif isinstance(part, (nn.BatchNorm2d, nn.GroupNorm)):
            draw(part.gamma, 0.5, 1.5)
            draw(part.beta, -0.5, 0.5)
        if isinstance(part, nn.BatchNorm2d):
            draw(part.moving_mean, -0.5, 0.5)
            draw(part.moving_variance, 0.5, 1.5)
    return cell.set_train(False)


def images(height: int = 64, width: int = 64, batch: int = 2) -> Tensor:
    return Tensor(np.random.default_rng(1).standard_normal((batch, 3, height, width), dtype=np.float32))


def difference(found: Tensor, expected: Tensor) -> float:
    found, expected = found.asnumpy(), expected.asnumpy()
    assert found.shape == expected.shape and expected.std() > 1e-3
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize('cfg', STRUCTURES.values(), ids=STRUCTURES)
def test_structures_stay_equal(cfg):
    arguments = dict(cfg)
    model = randomised(arguments.pop('type')(**arguments))
    deployed = to_deploy(model)
    for size in ((64, 64), (65, 98)):
        for found, expected in zip(deployed(images(*size)), model(images(*size)), strict=True):
            assert difference(found, expected) <= BOUND
    kinds = {type(cell).__name__ for _, cell in deployed.cells_and_names()}
    assert not kinds & {'ChannelShuffle', 'BatchNorm2d'}


def test_the_original_stays_untouched():
    model = randomised(zoo.create_model('shufflenet_v2_0.5x', num_classes=10))
    before = {name: parameter.asnumpy().copy() for name, parameter in model.parameters_and_names()}
    deployed = to_deploy(model)
    for parameter in deployed.get_parameters():
        parameter.set_data(Tensor(np.zeros(parameter.shape, np.float32)))
    for name, parameter in model.parameters_and_names():
        np.testing.assert_array_equal(parameter.asnumpy(), before[name])
    assert not deployed.trainable_params()


@pytest.mark.parametrize('name', ['shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x'])
def test_exports(name, tmp_path, monkeypatch):
    import onnxruntime

    monkeypatch.chdir(tmp_path)
    model = randomised(zoo.create_model(name, num_classes=10))
    deployed = to_deploy(model)
    expected = model(images())
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    export(deployed, (2, 3, 64, 64), True, tmp_path / 'model.mindir', 'MINDIR')
    loaded = nn.GraphCell(mindspore.load(str(tmp_path / 'model.mindir')))
    assert difference(loaded(images()), expected) <= BOUND
    export(deployed, (2, 3, 64, 64), False, tmp_path / 'model.onnx', 'ONNX')
    session = onnxruntime.InferenceSession(str(tmp_path / 'model.onnx'))
    (found,) = session.run(None, {session.get_inputs()[0].name: images().asnumpy()})
    assert difference(Tensor(found), expected) <= BOUND


def test_other_cells_are_refused():
    with pytest.raises(ArgumentError, match='to_deploy takes a ShuffleNetV1'):
        to_deploy(nn.Conv2d(3, 3, 1))
