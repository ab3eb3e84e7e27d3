"""A stage of ShuffleNet V2 without shuffles, splits, and copies of the identity halves."""

from collections.abc import Sequence

import numpy as np
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from shufflenet_zoo.arch.routes import is_natural, route_stage
from shufflenet_zoo.backbones.folding import (
    Reorder,
    concatenate,
    fold,
    fold_chain,
    is_foldable,
    reorder_activation,
)
from shufflenet_zoo.backbones.layers import SqueezeExcitation
from shufflenet_zoo.backbones.shufflenet_v2 import InvertedResidual


class MainBranch(nn.Module):
    """The main branch of a unit.

    Args:
        unit: The unit.
        inputs: Order of the input's channels.
        outputs: Order of the output's channels.
    """

    def __init__(self, unit: InvertedResidual, inputs: np.ndarray, outputs: np.ndarray) -> None:
        super().__init__()
        pre_depthwise = [unit.pre_depthwise] if unit.unit.pre_depthwise else []
        self.layers = fold_chain([*pre_depthwise, *unit.branch2], inputs, outputs)
        if unit.unit.se:
            reduce, expand = unit.se
            self.layers.append(SqueezeExcitation(fold(reduce, inputs=outputs), fold(expand, outputs=outputs)))
        self.adds_residual = unit.unit.adds_residual
        if self.adds_residual:
            order = np.argsort(inputs)[outputs]
            self.residual = nn.Identity() if is_natural(order) else Reorder(order)
            self.act = reorder_activation(unit.act, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.residual(x) + self.layers(x)) if self.adds_residual else self.layers(x)


class DeployedStageV2(nn.Module):
    """A stage as the slices that its convolutions read.

    Args:
        units: The units of the stage.
        inputs: Order of the input's channels.

    Attributes:
        order: Order of the output's channels.
    """

    def __init__(self, units: Sequence[InvertedResidual], inputs: np.ndarray) -> None:
        super().__init__()
        layers = [module for unit in units for module in unit.modules() if isinstance(module, ConvModule)]
        routes = route_stage([unit.unit for unit in units], reorder=all(map(is_foldable, layers)))
        shortcut_order, *main_orders = routes.orders
        self.shortcut = fold_chain(units[0].branch1, inputs, shortcut_order)
        self.mains = nn.ModuleList(
            map(MainBranch, units, [inputs, *(read.order for read in routes.reads)], main_orders)
        )
        self.reads = [read.slices for read in routes.reads]
        self.output = routes.output.slices
        self.order = routes.output.order

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.mains
        sources = [self.shortcut(x), first(x)]
        for main, slices in zip(others, self.reads, strict=True):
            sources.append(main(concatenate(sources, slices)))
        return concatenate(sources, self.output)
