"""A unit of ShuffleNet V1 whose shuffle is a concatenation of slices."""

import copy

import torch
from torch import Tensor, nn

from shufflenet_zoo.arch import V1Unit
from shufflenet_zoo.arch.routes import route_bottleneck
from shufflenet_zoo.backbones.folding import concatenate, fold, is_foldable
from shufflenet_zoo.backbones.pooling import exportable_pool
from shufflenet_zoo.backbones.shufflenet_v1 import ShuffleUnit


class DeployedUnitV1(nn.Module):
    """A unit without shuffle.

    Args:
        unit: The unit to copy.
        plan: Its plan.
    """

    def __init__(self, unit: ShuffleUnit, plan: V1Unit) -> None:
        super().__init__()
        compress, depthwise = unit.g_conv_1x1_compress, unit.depthwise_conv3x3_bn
        order, read = route_bottleneck(plan, reorder=is_foldable(compress) and is_foldable(depthwise))
        self.bottleneck = nn.Sequential(fold(compress, outputs=order), fold(depthwise, outputs=order))
        self.slices = read.slices
        self.expand = fold(unit.g_conv_1x1_expand, inputs=read.order)
        self.act = copy.deepcopy(unit.act)
        self.shortcut = nn.Identity() if plan.combine == 'add' else exportable_pool(unit.avgpool)
        self.combine = plan.combine

    def forward(self, x: Tensor) -> Tensor:
        out = self.expand(concatenate([self.bottleneck(x)], self.slices))
        if self.combine == 'add':
            return self.act(x + out)
        return torch.cat((self.shortcut(x), self.act(out)), 1)
