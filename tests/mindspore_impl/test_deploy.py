"""The deploy form computes what the trained network computes, in MindSpore."""

import mindspore
import numpy as np
import pytest
from helpers.compare import difference
from helpers.networks import V1, V2, images
from helpers.signal import carry_signal
from helpers.twins import build_cell
from mindspore import Tensor, nn

from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl import create_model
from shufflenet_zoo.mindspore_impl.deploy import export, to_deploy

BOUND = 1e-5
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


@pytest.mark.parametrize('cfg', STRUCTURES.values(), ids=STRUCTURES)
def test_structures_stay_equal(cfg):
    model = carry_signal(build_cell(cfg)).set_train(False)
    deployed = to_deploy(model)
    for size in ((64, 64), (65, 98)):
        x = Tensor(images(cfg, *size).numpy())
        expected = model(x)
        assert all(feature.asnumpy().std() > 1e-3 for feature in expected)
        assert difference(deployed(x), expected) <= BOUND
    kinds = {type(cell).__name__ for _, cell in deployed.cells_and_names()}
    assert not kinds & ({'BatchNorm2d'} if 'V1' in cfg['type'] else {'BatchNorm2d', 'ChannelShuffle'})


def test_the_original_stays_untouched():
    model = carry_signal(create_model('shufflenet_v2_0.5x', num_classes=10)).set_train(False)
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
    model = carry_signal(create_model(name, num_classes=10)).set_train(False)
    deployed = to_deploy(model)
    x = Tensor(images(V2).numpy())
    expected = model(x)
    assert expected.asnumpy().std() > 1e-3
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    export(deployed, (2, 3, 64, 64), True, tmp_path / 'model.mindir', 'MINDIR')
    loaded = nn.GraphCell(mindspore.load(str(tmp_path / 'model.mindir')))
    assert difference([loaded(x)], [expected]) <= BOUND
    export(deployed, (2, 3, 64, 64), False, tmp_path / 'model.onnx', 'ONNX')
    session = onnxruntime.InferenceSession(str(tmp_path / 'model.onnx'))
    (found,) = session.run(None, {session.get_inputs()[0].name: x.asnumpy()})
    assert difference([found], [expected]) <= BOUND


def test_other_cells_are_refused():
    with pytest.raises(ArgumentError, match='to_deploy takes a ShuffleNetV1'):
        to_deploy(nn.Conv2d(3, 3, 1))
