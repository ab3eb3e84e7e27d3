"""Networks of both frameworks with the same weights."""

import copy

import mindspore as ms
import numpy as np
import torch
from mindspore import nn as ms_nn
from torch import nn

from helpers.compare import difference
from helpers.networks import build
from helpers.signal import carry_signal, torch_name
from shufflenet_zoo.arch.architecture import family_of
from shufflenet_zoo.mindspore_impl.classifier import BACKBONES


def copy_weights(source: nn.Module, target: ms_nn.Cell) -> None:
    """Copy every parameter; names and shapes must be the same."""
    arrays = {name: value.numpy() for name, value in source.state_dict().items() if 'num_batches' not in name}
    parameters = {torch_name(parameter.name): parameter for parameter in target.get_parameters()}
    assert sorted(parameters) == sorted(arrays)
    for name, parameter in parameters.items():
        assert tuple(parameter.shape) == arrays[name].shape, name
        parameter.set_data(ms.Tensor(arrays[name]))


def build_cell(cfg: dict, **overrides) -> ms_nn.Cell:
    """Build a backbone in MindSpore."""
    arguments = cfg | overrides
    return BACKBONES[family_of(arguments)](**{name: value for name, value in arguments.items() if name != 'type'})


def twins(cfg: dict, **overrides) -> tuple[nn.Module, ms_nn.Cell]:
    """Build a backbone in both frameworks, with the same random weights, in evaluation mode."""
    model, cell = carry_signal(build(cfg, **overrides)).eval(), build_cell(cfg, **overrides)
    copy_weights(model, cell)
    return model, cell.set_train(False)


@torch.no_grad()
def assert_same_features(model: nn.Module, cell: ms_nn.Cell, x: torch.Tensor, bound: float = 1e-5) -> None:
    """Assert that both compute the same; where rounding is amplified, as nearly as PyTorch to the exact value."""
    found = [feature.asnumpy() for feature in cell(ms.Tensor(x.numpy()))]
    expected = [feature.numpy() for feature in model(x)]
    assert all(feature.std() > 1e-3 for feature in expected)
    if difference(found, expected) <= bound:
        return
    exact = [feature.numpy() for feature in copy.deepcopy(model).double()(x.double())]
    assert difference(found, exact) <= 3 * difference(expected, exact)


def gradients(cell: ms_nn.Cell, x: np.ndarray) -> dict[str, np.ndarray]:
    """Derive the sum of all outputs' mean squares by every trainable parameter, in training mode."""
    step = _Gradients(cell)
    step.set_train()
    return {p.name: g.asnumpy() for p, g in zip(step.parameters, step(ms.Tensor(x)), strict=True)}


class _Loss(ms_nn.Cell):
    def __init__(self, cell: ms_nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.cell = cell

    def construct(self, x):
        outputs = self.cell(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = 0.0
        for output in outputs:
            loss = loss + output.square().mean()
        return loss


class _Gradients(ms_nn.Cell):
    def __init__(self, cell: ms_nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.loss = _Loss(cell)
        self.parameters = ms.ParameterTuple(cell.trainable_params())
        self.derive = ms.ops.GradOperation(get_by_list=True)

    def construct(self, x):
        return self.derive(self.loss, self.parameters)(x)
