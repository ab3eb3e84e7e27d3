"""Convolutions for inference: BatchNorm folded into the weights, channels in another order."""

import copy
from collections.abc import Sequence

import numpy as np
from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch.routes import LayerTraits, order_chain, reorder_weight
from shufflenet_zoo.mindspore_impl.layers import BatchNorm2d, ConvModule


class Reorder(nn.Cell):
    """Gathers the channels of (N, C, H, W) in another order."""

    def __init__(self, order: np.ndarray) -> None:
        super().__init__()
        self.order = Tensor(order.astype(np.int32))
        self.gather = ops.Gather()

    def construct(self, x: Tensor) -> Tensor:
        return self.gather(x, self.order, 1)


def is_foldable(layer: ConvModule) -> bool:
    """Whether a layer is a convolution and what acts on channels singly, so that it folds and its output reorders."""
    return not layer.with_norm or isinstance(getattr(layer, layer.norm_name), BatchNorm2d)


def fold(layer: ConvModule, inputs: np.ndarray | None = None, outputs: np.ndarray | None = None) -> nn.SequentialCell:
    """Copy a layer for inference; a norm other than BatchNorm stays.

    Args:
        layer: The layer.
        inputs: Order of the input's channels, for a convolution without groups. Default: None, kept.
        outputs: Order of the output's channels, which a layer that is not foldable keeps. Default: None, kept.
    """
    conv = layer.conv
    weight = conv.weight.asnumpy().astype(np.float64)
    bias = conv.bias.asnumpy().astype(np.float64) if conv.has_bias else np.zeros(len(weight))
    kept = []
    if layer.with_norm and is_foldable(layer):
        norm = layer.bn
        gamma, beta, mean, variance = (
            tensor.asnumpy().astype(np.float64)
            for tensor in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        )
        scale = gamma / np.sqrt(variance + norm.eps)
        weight, bias = weight * scale[:, None, None, None], beta + (bias - mean) * scale
    elif layer.with_norm:
        kept.append(copy_cell(getattr(layer, layer.norm_name)))
    if layer.with_activation:
        kept.append(copy_cell(layer.activate))
    weight = reorder_weight(weight, inputs, outputs).astype(np.float32)
    bias = (bias if outputs is None else bias[outputs]).astype(np.float32)
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.pad_mode,
        conv.padding,
        conv.dilation,
        conv.group,
        has_bias=True,
        weight_init=Tensor(weight),
        bias_init=Tensor(bias),
    )
    return nn.SequentialCell(folded, *kept)


def fold_chain(layers: Sequence[ConvModule], inputs: np.ndarray, outputs: np.ndarray) -> nn.SequentialCell:
    """Copy a chain of pointwise and depthwise layers for inference; see ``routes.order_chain``."""
    traits = [
        LayerTraits(layer.conv.out_channels, layer.conv.group == layer.conv.in_channels, is_foldable(layer))
        for layer in layers
    ]
    parts = []
    for layer, orders in zip(layers, order_chain(traits, inputs, outputs), strict=True):
        if orders.gather is not None:
            parts.append(Reorder(orders.gather))
        parts.append(fold(layer, orders.inputs, orders.outputs))
    return nn.SequentialCell(*parts)


def copy_cell(cell: nn.Cell) -> nn.Cell:
    """Copy a cell with parameters of its own."""
    copied = copy.deepcopy(cell)
    for parameter, original in zip(copied.get_parameters(), cell.get_parameters(), strict=True):
        parameter.set_data(Tensor(original.asnumpy()))
    return copied


def constant(cell: nn.Cell) -> nn.Cell:
    """Make a cell one for inference: in evaluation mode, with parameters that no gradient reaches."""
    cell.set_train(False)
    for parameter in cell.get_parameters():
        parameter.requires_grad = False
    return cell
