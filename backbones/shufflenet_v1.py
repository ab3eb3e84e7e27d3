"""ShuffleNet V1 (arXiv:1707.01083v2)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_zoo.arch import V1, Architecture, V1Unit
from shufflenet_zoo.backbones.base import ShuffleNet, Unit
from shufflenet_zoo.backbones.layers import LayerConfig, channel_shuffle, shortcut_pool
from shufflenet_zoo.registry import MODELS

_BN = {'type': 'BN'}
_RELU = {'type': 'ReLU'}


class ShuffleUnit(Unit):
    """A ShuffleNet V1 unit (Figure 2b with combine='add', Figure 2c with 'concat').

    The shuffle sits behind the depthwise convolution; before it, as in the figure, it computes the same up to the
    order of that convolution's channels.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, the concatenated shortcut included.
        groups: Groups of the 1x1 convolutions.
        first_block: Whether the first 1x1 convolution is ungrouped.
        combine: 'add' or 'concat'.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d.
        norm_cfg: Normalisation layer.
        act_cfg: Activation layer.
        with_cp: Whether to recompute the activations in the backward pass rather than keep them.
        **unit: The further arguments of shufflenet_zoo.arch.V1Unit: stride, dilation, shuffle_order, pool_padding.

    Raises:
        ArgumentError: if the arguments do not fit together.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int = 3,
        first_block: bool = True,
        combine: str = 'add',
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = _BN,
        act_cfg: dict[str, Any] | None = _RELU,
        with_cp: bool = False,
        **unit: Any,
    ) -> None:
        super().__init__()
        plan = V1Unit(in_channels, out_channels, groups, first_block, combine, **unit)
        self._build(plan, LayerConfig(conv_cfg, norm_cfg, act_cfg), with_cp)

    def _add_layers(self, layer_cfg: LayerConfig) -> None:
        unit = self.unit
        self.g_conv_1x1_compress = layer_cfg.conv(unit.compress)
        self.depthwise_conv3x3_bn = layer_cfg.conv(unit.depthwise)
        self.g_conv_1x1_expand = layer_cfg.conv(unit.expand)
        self.act = layer_cfg.act()
        if unit.combine == 'concat':
            self.avgpool = shortcut_pool(unit.pool_padding, unit.stride, unit.dilation)

    def _forward(self, x: Tensor) -> Tensor:
        out = self.depthwise_conv3x3_bn(self.g_conv_1x1_compress(x))
        if self.unit.shuffle_groups > 1:
            out = channel_shuffle(out, self.unit.shuffle_groups, self.training)
        out = self.g_conv_1x1_expand(out)
        if self.unit.combine == 'add':
            return self.act(x + out)
        return torch.cat((self.avgpool(x), self.act(out)), 1)


@MODELS.register_module()
class ShuffleNetV1(ShuffleNet):
    """ShuffleNet V1 backbone: a superset of mmpretrain's, with its parameter names.

    Args:
        groups: Groups of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        widen_factor: Factor on the channels of every stage.
        out_indices: The outputs, from 'stem' (stride 4), 0, 1, 2 (stages 2, 3, 4). Default: (2,).
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages up to 2, 'all' everything.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d.
        norm_cfg: Normalisation layer. Default: dict(type='BN').
        act_cfg: Activation layer. Default: dict(type='ReLU').
        norm_eval: Whether every BatchNorm stays in evaluation mode during training.
        with_cp: Whether units recompute their activations in the backward pass rather than keep them; gradients
            and running statistics are the same to the bit.
        init_cfg: Initialisation after the official one, such as dict(type='Pretrained', checkpoint=FILE).
        **architecture: What else makes the network: the keyword arguments of shufflenet_zoo.arch.plan_v1.

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.

    Examples:
        >>> backbone = ShuffleNetV1(groups=3, out_indices=(0, 1, 2))
        >>> [tuple(f.shape) for f in backbone(torch.rand(1, 3, 224, 224))]
        [(1, 240, 28, 28), (1, 480, 14, 14), (1, 960, 7, 7)]
    """

    def __init__(
        self,
        groups: int = 3,
        widen_factor: float = 1.0,
        out_indices: Sequence[int | str] | int | str | None = None,
        frozen_stages: int | str = -1,
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = _BN,
        act_cfg: dict[str, Any] | None = _RELU,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
        **architecture: Any,
    ) -> None:
        super().__init__(
            Architecture(V1, dict(groups=groups, widen_factor=widen_factor, **architecture)),
            out_indices,
            frozen_stages,
            LayerConfig(conv_cfg, norm_cfg, act_cfg),
            norm_eval,
            with_cp,
            init_cfg,
        )
        self.groups = groups

    def _build_unit(self, unit: V1Unit) -> nn.Module:
        return ShuffleUnit.from_plan(unit, self.layer_cfg, self.with_cp)
