"""Convolutions for inference: BatchNorm folded into the weights, channels in another order.

An order of channels is an array: for every channel of the new tensor, its index in the old one.
"""

import copy
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from shufflenet_zoo.arch.routes import LayerTraits, Slice, is_natural, order_chain, reorder_weight
from shufflenet_zoo.backbones.tracing import is_compiled


class Reorder(nn.Module):
    """Gathers the channels of (N, C, H, W) in another order."""

    def __init__(self, order: np.ndarray) -> None:
        super().__init__()
        self.register_buffer('order', torch.tensor(order), persistent=False)

    def extra_repr(self) -> str:
        return f'channels={len(self.order)}'

    def forward(self, x: Tensor) -> Tensor:
        # Of rows of a matrix: OpenVINO merges a gather of channels with the next convolution in the wrong order.
        return x.flatten(2).index_select(1, self.order).unflatten(2, x.shape[2:])


def concatenate(sources: Sequence[Tensor], slices: Sequence[Slice]) -> Tensor:
    """Concatenate slices of the channels of (N, C, H, W)."""
    parts = [sources[s.source][:, s.first : s.last : s.step] for s in slices]
    if len(parts) == 1:
        return parts[0]
    if is_compiled() and parts[0].device.type == 'cpu':
        # torch.compile stores a concatenation of slices channel by channel, and transposes it for the convolution.
        return torch.cat([part.permute(0, 2, 3, 1) for part in parts], 3).permute(0, 3, 1, 2)
    return torch.cat(parts, 1)


def is_foldable(layer: ConvModule) -> bool:
    """Whether a layer is a convolution and what acts on channels singly, so that it folds and its output reorders."""
    return (
        type(layer.conv) is nn.Conv2d
        and (not layer.with_norm or _is_batch_norm(layer.norm))
        and (
            not layer.with_activation
            or isinstance(layer.activate, nn.PReLU)
            or not any(True for _ in layer.activate.parameters())
        )
    )


def fold(layer: ConvModule, inputs: np.ndarray | None = None, outputs: np.ndarray | None = None) -> nn.Module:
    """Copy a layer for inference; a norm other than BatchNorm and a convolution other than nn.Conv2d stay.

    Args:
        layer: The layer.
        inputs: Order of the input's channels, for a convolution without groups. Default: None, kept.
        outputs: Order of the output's channels, which a layer that is not foldable keeps. Default: None, kept.
    """
    if type(layer.conv) is not nn.Conv2d:
        layer = copy.deepcopy(layer)
        return layer if inputs is None or is_natural(inputs) else nn.Sequential(Reorder(np.argsort(inputs)), layer)
    conv = copy.deepcopy(layer.conv)
    parts = [conv]
    if layer.with_norm:
        if is_foldable(layer):
            # In double precision: the quotient of weight and deviation is a rounding that the network has not.
            parts = [fuse_conv_bn_eval(conv.double().eval(), copy.deepcopy(layer.norm).double().eval())]
        else:
            parts.append(copy.deepcopy(layer.norm))
    conv = parts[0].to(layer.conv.weight.dtype)
    _reorder(conv, inputs, outputs)
    if layer.with_activation:
        parts.append(reorder_activation(layer.activate, outputs))
    return nn.Sequential(*parts)


def fold_chain(layers: Iterable[ConvModule], inputs: np.ndarray, outputs: np.ndarray) -> nn.Sequential:
    """Copy a chain of pointwise and depthwise layers for inference; see ``routes.order_chain``."""
    layers, parts = list(layers), []
    traits = [
        LayerTraits(layer.conv.out_channels, layer.conv.groups == layer.conv.in_channels, is_foldable(layer))
        for layer in layers
    ]
    for layer, orders in zip(layers, order_chain(traits, inputs, outputs), strict=True):
        if orders.gather is not None:
            parts.append(Reorder(orders.gather))
        parts.append(fold(layer, orders.inputs, orders.outputs))
    return nn.Sequential(*parts)


def reorder_activation(activation: nn.Module, order: np.ndarray | None) -> nn.Module:
    """Copy an activation for channels in another order; PReLU may have a slope for every channel."""
    activation = copy.deepcopy(activation)
    if order is not None and isinstance(activation, nn.PReLU) and activation.num_parameters > 1:
        activation.weight = nn.Parameter(activation.weight.detach()[order])
    return activation


def _is_batch_norm(norm: nn.Module) -> bool:
    return type(norm) in (nn.BatchNorm2d, nn.SyncBatchNorm) and norm.running_mean is not None


def _reorder(conv: nn.Conv2d, inputs: np.ndarray | None, outputs: np.ndarray | None) -> None:
    conv.weight = nn.Parameter(reorder_weight(conv.weight.detach(), inputs, outputs).contiguous())
    if outputs is not None and conv.bias is not None:
        conv.bias = nn.Parameter(conv.bias.detach()[outputs])
