"""ShuffleNet V2 (arXiv:1807.11164)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_zoo.arch import V2, Architecture, V2Unit
from shufflenet_zoo.backbones.base import ShuffleNet, Unit
from shufflenet_zoo.backbones.layers import LayerConfig, SqueezeExcitation, channel_shuffle
from shufflenet_zoo.registry import MODELS

_BN = {'type': 'BN'}
_RELU = {'type': 'ReLU'}


class InvertedResidual(Unit):
    """A ShuffleNet V2 unit (Figure 3c, with a projection Figure 3d).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the depthwise convolutions.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d.
        norm_cfg: Normalisation layer.
        act_cfg: Activation layer.
        with_cp: Whether to recompute the activations in the backward pass rather than keep them.
        init_cfg: Initialisation config of mmengine.
        **unit: The further arguments of shufflenet_zoo.arch.V2Unit: dilation, project, down_unit, shuffle, se,
            residual, extra_depthwise.

    Raises:
        ArgumentError: if the arguments do not fit together.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = _BN,
        act_cfg: dict[str, Any] | None = _RELU,
        with_cp: bool = False,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
        **unit: Any,
    ) -> None:
        super().__init__(init_cfg)
        plan = V2Unit(in_channels, out_channels, stride, **unit)
        self._build(plan, LayerConfig(conv_cfg, norm_cfg, act_cfg), with_cp)

    def _add_layers(self, layer_cfg: LayerConfig) -> None:
        unit = self.unit
        if unit.project:
            self.branch1 = nn.Sequential(*map(layer_cfg.conv, unit.branch1))
        if unit.pre_depthwise:
            self.pre_depthwise = layer_cfg.conv(unit.pre_depthwise)
        self.branch2 = nn.Sequential(*map(layer_cfg.conv, unit.branch2))
        if unit.se:
            self.se = SqueezeExcitation(*map(layer_cfg.conv, unit.squeeze_excitation))
        if unit.adds_residual:
            self.act = layer_cfg.act()

    def _main(self, x: Tensor) -> Tensor:
        out = self.pre_depthwise(x) if self.unit.pre_depthwise else x
        out = self.branch2(out)
        if self.unit.se:
            out = self.se(out)
        return self.act(x + out) if self.unit.adds_residual else out

    def _forward(self, x: Tensor) -> Tensor:
        if self.unit.project:
            out = torch.cat((self.branch1(x), self._main(x)), 1)
        elif self.unit.splits_even_odd:
            out = torch.cat((x[:, ::2], self._main(x[:, 1::2])), 1)
        else:
            # Its gradient is one concatenation, that of two slices two zero-filled copies and their sum.
            shortcut, x = x.split((self.unit.mid_channels, x.shape[1] - self.unit.mid_channels), 1)
            out = torch.cat((shortcut, self._main(x)), 1)
        return channel_shuffle(out, 2, self.training) if self.unit.shuffle == 'interleave' else out


@MODELS.register_module()
class ShuffleNetV2(ShuffleNet):
    """ShuffleNet V2 backbone: a superset of mmpretrain's, with its parameter names.

    Args:
        widen_factor: 0.25, 0.33, 0.5, 1.0, 1.5 or 2.0.
        out_indices: The outputs, from 'stem' (stride 4), 0, 1, 2 (stages 2, 3, 4) and 3 (the last convolution); a
            deep network has one stage more. Default: the last convolution.
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages, 'all' everything.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d.
        norm_cfg: Normalisation layer. Default: dict(type='BN').
        act_cfg: Activation layer. Default: dict(type='ReLU').
        norm_eval: Whether every BatchNorm stays in evaluation mode during training.
        with_cp: Whether units recompute their activations in the backward pass rather than keep them; gradients
            and running statistics are the same to the bit.
        init_cfg: Initialisation after the official one, such as dict(type='Pretrained', checkpoint=FILE).
        **architecture: What else makes the network: the keyword arguments of shufflenet_zoo.arch.plan_v2.

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.

    Examples:
        >>> backbone = ShuffleNetV2(out_indices=('stem', 0, 1, 2))
        >>> backbone.out_channels, backbone.out_strides
        ((24, 116, 232, 464), (4, 8, 16, 32))
    """

    def __init__(
        self,
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
            Architecture(V2, dict(widen_factor=widen_factor, **architecture)),
            out_indices,
            frozen_stages,
            LayerConfig(conv_cfg, norm_cfg, act_cfg),
            norm_eval,
            with_cp,
            init_cfg,
        )
        self.widen_factor = widen_factor

    def _build_unit(self, unit: V2Unit) -> nn.Module:
        return InvertedResidual.from_plan(unit, self.layer_cfg, self.with_cp)
