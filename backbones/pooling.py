"""Pools that torch.export takes at any image size."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_zoo.backbones.tracing import is_exported, is_exported_for_any_size


class ExportableMaxPool(nn.MaxPool2d):
    """A max-pool that is computed at stride 1 and thinned out while torch.export looks at images of any size.

    torch.export derives from a pool's stride that all sizes must have the example's parity; from a slice it does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not is_exported_for_any_size(x):
            return super().forward(x)
        if self.ceil_mode:
            x = F.pad(x, (0, 1, 0, 1), value=float('-inf'))
        return F.max_pool2d(x, self.kernel_size, 1, self.padding)[:, :, :: self.stride, :: self.stride]


class ExportableAvgPool(nn.AvgPool2d):
    """An average pool that is a depthwise convolution while torch.export looks.

    So it has, to torch.export's eyes too, the size of the convolution that it is concatenated with.

    Args:
        pool: The pool.
        channels: Channels of its input.
    """

    def __init__(self, pool: nn.AvgPool2d, channels: int) -> None:
        super().__init__(pool.kernel_size, pool.stride, pool.padding)
        size = pool.kernel_size
        # Not computed in forward: engines want the weights of their convolutions to be constants.
        self.register_buffer('weight', torch.full((channels, 1, size, size), 1 / size**2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not is_exported():
            return super().forward(x)
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.padding, groups=len(self.weight))


def exportable_pool(pool: nn.Module, channels: int) -> nn.Module:
    """Make the pool of a network's deploy form: those that torch.export ties to a parity can do without.

    Args:
        pool: The pool.
        channels: Channels of its input.
    """
    if type(pool) is nn.MaxPool2d:
        return ExportableMaxPool(pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode)
    if type(pool) is nn.AvgPool2d:
        return ExportableAvgPool(pool, channels)
    return copy.deepcopy(pool)
