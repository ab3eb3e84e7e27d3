"""ShuffleNet V2 (arXiv:1807.11164)."""

from collections.abc import Sequence
from typing import Any

from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch import V2, Architecture, V2Unit
from shufflenet_zoo.mindspore_impl.base import ShuffleNet
from shufflenet_zoo.mindspore_impl.layers import ChannelShuffle, LayerConfig, SqueezeExcitation
from shufflenet_zoo.mindspore_impl.recomputation import recompute

_BN = {'type': 'BN'}
_RELU = {'type': 'ReLU'}


class InvertedResidual(nn.Cell):
    """A ShuffleNet V2 unit (Figure 3c, with a projection Figure 3d).

    Args:
        unit: The unit's plan.
        layer_cfg: How its layers are made.
        with_cp: Whether to recompute the activations in the backward pass rather than keep them.
    """

    def __init__(self, unit: V2Unit, layer_cfg: LayerConfig, with_cp: bool = False) -> None:
        super().__init__()
        # Graph mode reads plain attributes only.
        self.project = unit.project
        self.splits_even_odd = unit.splits_even_odd
        self.adds_residual = unit.adds_residual
        self.extra_depthwise = unit.extra_depthwise
        self.with_se = unit.se
        self.interleaves = unit.shuffle == 'interleave'
        self.mid_channels = unit.mid_channels
        if unit.project:
            self.branch1 = nn.SequentialCell(*map(layer_cfg.conv, unit.branch1))
        if unit.pre_depthwise:
            self.pre_depthwise = layer_cfg.conv(unit.pre_depthwise)
        self.branch2 = nn.SequentialCell(*map(layer_cfg.conv, unit.branch2))
        if unit.se:
            self.se = SqueezeExcitation(*map(layer_cfg.conv, unit.squeeze_excitation))
        if unit.adds_residual:
            self.act = layer_cfg.act()
        if unit.splits_even_odd:
            # The inverse of the shuffle by two rows: even channels first, then the odd ones.
            self.channel_shuffle = ChannelShuffle(unit.in_channels, unit.mid_channels)
        elif unit.shuffle == 'interleave':
            self.channel_shuffle = ChannelShuffle(unit.out_channels, 2)
        if with_cp:
            recompute(self)

    def _main(self, x: Tensor) -> Tensor:
        out = self.pre_depthwise(x) if self.extra_depthwise else x
        out = self.branch2(out)
        if self.with_se:
            out = self.se(out)
        return self.act(x + out) if self.adds_residual else out

    def construct(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        if self.project:
            out = ops.concat((self.branch1(x), self._main(x)), 1)
        else:
            if self.splits_even_odd:
                x = self.channel_shuffle(x)
            kept, rest = ops.split(x, self.mid_channels, 1)
            out = ops.concat((kept, self._main(rest)), 1)
        return self.channel_shuffle(out) if self.interleaves else out


class ShuffleNetV2(ShuffleNet):
    """ShuffleNet V2 backbone: a superset of mmpretrain's, with its parameter names.

    Args:
        widen_factor: 0.25, 0.33, 0.5, 1.0, 1.5 or 2.0.
        out_indices: The outputs, from 'stem' (stride 4), 0, 1, 2 (stages 2, 3, 4) and 3 (the last convolution); a
            deep network has one stage more. Default: the last convolution.
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages, 'all' everything.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d; MindSpore has no other.
        norm_cfg: Normalisation layer. Default: dict(type='BN').
        act_cfg: Activation layer. Default: dict(type='ReLU').
        norm_eval: Whether every BatchNorm stays in evaluation mode during training.
        with_cp: Whether units recompute their activations in the backward pass rather than keep them; gradients
            and running statistics are the same to the bit.
        init_cfg: Initialisation after the official one; None or dict(type='Pretrained', checkpoint=FILE).
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
        init_cfg: dict[str, Any] | None = None,
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

    def _build_unit(self, unit: V2Unit) -> nn.Cell:
        return InvertedResidual(unit, self.layer_cfg, self.with_cp)
