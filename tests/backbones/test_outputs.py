"""What a backbone gives is what it announces, in whatever order the outputs are asked for; in both frameworks."""

import pytest
import torch
from helpers.networks import V1, V2, build
from helpers.twins import build_cell
from mindspore import Tensor

from shufflenet_zoo.arch import feature_channels


@pytest.mark.parametrize('framework', ['torch', 'mindspore'])
@pytest.mark.parametrize('out_indices', [(2, 0), (1, 1), (0, 'stem'), ['stem']], ids=str)
@pytest.mark.parametrize('cfg', [V1, V2], ids=['v1', 'v2'])
def test_outputs_are_as_announced(framework, out_indices, cfg):
    cfg = cfg | {'out_indices': out_indices}
    images = torch.zeros(1, 3, 64, 64)
    if framework == 'torch':
        network = build(cfg)
        shapes = [feature.shape for feature in network(images)]
    else:
        network = build_cell(cfg)
        shapes = [feature.shape for feature in network(Tensor(images.numpy()))]
    assert tuple(shape[1] for shape in shapes) == network.out_channels == tuple(feature_channels(cfg))
    assert tuple(64 // shape[2] for shape in shapes) == network.out_strides


@pytest.mark.parametrize('framework', ['torch', 'mindspore'])
@pytest.mark.parametrize('out_indices', [(0, 1), 'stem'])
def test_layers_behind_the_last_output_are_not_trained(framework, out_indices):
    cfg = V2 | {'out_indices': out_indices}
    if framework == 'torch':
        model = build(cfg)
        trained = {name for name, parameter in model.train().named_parameters() if parameter.requires_grad}
        model.train()(torch.rand(2, 3, 64, 64))[-1].mean().backward()
        with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
        assert trained == with_gradient
    else:
        trained = {parameter.name for parameter in build_cell(cfg).trainable_params()}
    last = 1 if out_indices == (0, 1) else -1
    assert {name.split('.')[1] for name in trained if name.startswith('layers.')} == set(map(str, range(last + 1)))
