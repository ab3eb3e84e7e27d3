"""Layers that both versions share: convolutions from a plan, channel shuffle, pools, squeeze-and-excitation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_activation_layer
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import Tensor, nn

from shufflenet_zoo.arch import Conv
from shufflenet_zoo.backbones.tracing import stores_pixels
from shufflenet_zoo.errors import ArgumentError

# What mmcv registers beside the layers for images.
_OTHER_DIMENSIONS = (nn.Conv1d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm3d)


@dataclass(frozen=True)
class LayerConfig:
    """The layer types of a network, as OpenMMLab's config dicts.

    Attributes:
        conv_cfg: Convolution; None is nn.Conv2d.
        norm_cfg: Normalisation after every convolution, such as dict(type='BN') or dict(type='GN', num_groups=4).
        act_cfg: Activation, such as dict(type='ReLU').

    Raises:
        ArgumentError: if a type is not registered.
    """

    conv_cfg: dict[str, Any] | None
    norm_cfg: dict[str, Any] | None
    act_cfg: dict[str, Any] | None

    def __post_init__(self) -> None:
        for name, examples in (
            ('conv_cfg', 'Conv2d'),
            ('norm_cfg', 'BN, SyncBN, GN, mmpretrain.LN2d'),
            ('act_cfg', 'ReLU, ReLU6, HSwish, SiLU, PReLU, LeakyReLU, GELU'),
        ):
            cfg = getattr(self, name)
            if cfg is None:
                continue
            if not isinstance(cfg, Mapping) or 'type' not in cfg:
                raise ArgumentError(f'{name} must have a type, such as {examples}; got {cfg}')
            kind = cfg['type']
            layer = MMENGINE_MODELS.get(kind) if isinstance(kind, str) else kind
            if layer is None:
                raise ArgumentError(f'{name} must have a registered type, such as {examples}; got {kind!r}')
            if layer is nn.LayerNorm:
                raise ArgumentError(
                    f"{name} type {kind!r} normalises over pixels too, whose number it must know; use 'mmpretrain.LN2d'"
                )
            if layer in _OTHER_DIMENSIONS:
                raise ArgumentError(f'{name} type {kind!r} takes no images; use {examples}')

    def conv(self, conv: Conv) -> ConvModule:
        """Build the convolution of a plan, with its normalisation and activation."""
        norm_cfg = self.norm_cfg if conv.norm else None
        if norm_cfg and conv.out_channels % norm_cfg.get('num_groups', 1):
            raise ArgumentError(
                f'norm_cfg num_groups={norm_cfg["num_groups"]} does not divide a convolution of '
                f'{conv.out_channels} channels'
            )
        with self._blamed():
            return ConvModule(
                conv.in_channels,
                conv.out_channels,
                conv.kernel_size,
                stride=conv.stride,
                padding=conv.padding,
                dilation=conv.dilation,
                groups=conv.groups,
                conv_cfg=self.conv_cfg,
                norm_cfg=norm_cfg,
                act_cfg=self.act_cfg if conv.act else None,
            )

    def act(self) -> nn.Module:
        """Build an activation of its own."""
        with self._blamed():
            return build_activation_layer(self.act_cfg) if self.act_cfg else nn.Identity()

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Name the config dicts in whatever a layer's class raises at arguments that it does not take."""
        try:
            yield
        except Exception as error:
            raise ArgumentError(
                f'no layer can be built of conv_cfg={self.conv_cfg}, norm_cfg={self.norm_cfg} and '
                f'act_cfg={self.act_cfg}: {type(error).__name__}: {error}'
            ) from error


def channel_shuffle(x: Tensor, rows: int, pixelwise: bool = False) -> Tensor:
    """Read the channels of (N, C, H, W) as a matrix of (rows, C // rows) and transpose it (V1 Section 3.1).

    Args:
        x: The feature map.
        rows: Rows of the matrix.
        pixelwise: Whether a feature map that is stored pixel by pixel (channels last) stays so, where
            ``tracing.stores_pixels`` allows it, as in training. Default: False.
    """
    if pixelwise:
        return _shuffle_pixels(x, rows)
    # Not by unflatten and flatten, which take the batch of the example for constant when they are exported to ONNX.
    return x.view(x.shape[0], rows, -1, x.shape[2], x.shape[3]).transpose(1, 2).reshape(x.shape)


def _shuffle_pixels(x: Tensor, rows: int) -> Tensor:
    if not (stores_pixels(x) and x.is_contiguous(memory_format=torch.channels_last)):
        return channel_shuffle(x, rows)
    pixels = x.permute(0, 2, 3, 1).unflatten(3, (rows, -1)).transpose(3, 4).flatten(3)
    return pixels.permute(0, 3, 1, 2)


# A leaf of symbolic traces, whose tensors have no device.
torch.fx.wrap('_shuffle_pixels')


class SqueezeExcitation(nn.Sequential):
    """Scales every channel by a gate computed from the pooled channels (V2 appendix, Figure 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(super().forward(x.mean((2, 3), keepdim=True)))


class SamePool(nn.Module):
    """A 3x3 pool with TensorFlow's and MindSpore's 'same' padding: before floor, after ceil of the missing pixels.

    Args:
        mode: 'max' or 'avg'; the average counts real pixels only.
        stride: Stride of the pool.
    """

    def __init__(self, mode: str, stride: int = 2) -> None:
        super().__init__()
        self.mode = mode
        self.stride = stride

    def extra_repr(self) -> str:
        return f'{self.mode}, kernel_size=3, stride={self.stride}'

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for size in (x.shape[-1], x.shape[-2]):
            missing = 2 - (size - 1) % self.stride
            pads += [missing // 2, missing - missing // 2]
        if self.mode == 'max':
            return F.max_pool2d(F.pad(x, pads, value=float('-inf')), 3, self.stride)
        real_pixels = F.pad(torch.ones_like(x[:1, :1]), pads)
        return F.avg_pool2d(F.pad(x, pads), 3, self.stride, divisor_override=1) / F.avg_pool2d(
            real_pixels, 3, self.stride, divisor_override=1
        )


class DilatedAvgPool(nn.Module):
    """A 3x3 average pool at stride 1 whose window is dilated, which nn.AvgPool2d cannot be.

    Args:
        dilation: Distance of the window's pixels and width of the zero padding.
    """

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation

    def extra_repr(self) -> str:
        return f'kernel_size=3, dilation={self.dilation}'

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = x.new_full((1, 1, 3, 3), 1 / 9).expand(channels, 1, 3, 3)
        return F.conv2d(x, weight, padding=self.dilation, dilation=self.dilation, groups=channels)


def max_pool(padding: str) -> nn.Module:
    """The stem's 3x3 stride-2 max-pool with one of arch.POOL_PADDINGS."""
    if padding == 'same':
        return SamePool('max')
    if padding == 'ceil':
        return nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=True)
    return nn.MaxPool2d(3, stride=2, padding=1)


def shortcut_pool(padding: str, stride: int, dilation: int) -> nn.Module:
    """The 3x3 average pool on the shortcut of a V1 unit that concatenates."""
    if padding == 'same':
        return SamePool('avg', stride)
    if dilation > 1:
        return DilatedAvgPool(dilation)
    return nn.AvgPool2d(3, stride=stride, padding=1)
