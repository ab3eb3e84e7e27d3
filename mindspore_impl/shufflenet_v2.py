"""ShuffleNet V2 (arXiv:1807.11164)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch import V2Unit, plan_v2
from shufflenet_zoo.mindspore_impl.base import ShuffleNet, load_pretrained
from shufflenet_zoo.mindspore_impl.layers import ChannelShuffle, LayerConfig, SqueezeExcitation
from shufflenet_zoo.mindspore_impl.recomputation import recompute

_BN = {'type': 'BN'}
_RELU = {'type': 'ReLU'}


class InvertedResidual(nn.Cell):
    """A ShuffleNet V2 unit (Figure 3c, with a projection Figure 3d).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the depthwise convolutions.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d; MindSpore has no other.
        norm_cfg: Normalisation layer.
        act_cfg: Activation layer.
        with_cp: Whether to recompute the activations in the backward pass rather than keep them.
        init_cfg: Initialisation; None or dict(type='Pretrained', checkpoint=FILE).
        dilation: Dilation of the depthwise convolutions.
        project: Whether the first branch projects the whole input. Default: None, exactly when stride > 1.
        down_unit: Widths of a projecting unit, 'halves' or 'keep'.
        shuffle: 'interleave' or 'even_odd'.
        se: Squeeze-and-excitation at the end of the main branch.
        residual: Adds the main branch's input to its output, in units without projection.
        extra_depthwise: V2*'s depthwise convolution at the start of the main branch.

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
        init_cfg: dict[str, Any] | None = None,
        *,
        dilation: int = 1,
        project: bool | None = None,
        down_unit: str = 'halves',
        shuffle: str = 'interleave',
        se: bool = False,
        residual: bool = False,
        extra_depthwise: bool = False,
    ) -> None:
        super().__init__()
        unit = V2Unit(
            in_channels, out_channels, stride, dilation, project, down_unit, shuffle, se, residual, extra_depthwise
        )
        # Graph mode reads plain attributes only.
        self.project = unit.project
        self.splits_even_odd = unit.splits_even_odd
        self.adds_residual = unit.adds_residual
        self.extra_depthwise = unit.extra_depthwise
        self.with_se = unit.se
        self.interleaves = unit.shuffle == 'interleave'
        self.mid_channels = unit.mid_channels
        self.stride = stride
        self.with_cp = with_cp
        layer_cfg = LayerConfig(conv_cfg, norm_cfg, act_cfg)
        if unit.project:
            self.branch1 = nn.SequentialCell(*map(layer_cfg.conv, unit.branch1))
        if unit.pre_depthwise:
            self.pre_depthwise = layer_cfg.conv(unit.pre_depthwise)
        self.branch2 = nn.SequentialCell(*map(layer_cfg.conv, unit.branch2))
        if se:
            self.se = SqueezeExcitation(*map(layer_cfg.conv, unit.squeeze_excitation))
        if unit.adds_residual:
            self.act = layer_cfg.act()
        if unit.splits_even_odd:
            # The inverse of the shuffle by two rows: even channels first, then the odd ones.
            self.channel_shuffle = ChannelShuffle(in_channels, unit.mid_channels)
        elif shuffle == 'interleave':
            self.channel_shuffle = ChannelShuffle(out_channels, 2)
        if with_cp:
            recompute(self)
        load_pretrained(self, init_cfg)

    def _main(self, x: Tensor) -> Tensor:
        out = self.pre_depthwise(x) if self.extra_depthwise else x
        out = self.branch2(out)
        if self.with_se:
            out = self.se(out)
        return self.act(x + out) if self.adds_residual else out

    def construct(self, x: Tensor) -> Tensor:
        """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
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
        in_channels: Channels of the images.
        depth: None, or 50 and 164 for the deep networks of the appendix (164 with se=True, residual=True).
        down_unit: Widths of the stride-2 unit's branches: 'halves' (torchvision, mmpretrain) or 'keep' (megvii).
        shuffle: 'interleave' after every unit, or 'even_odd' split before stride-1 units (megvii).
        last_channels: Channels of the last convolution. Default: None, the published ones.
        se: Squeeze-and-excitation in every unit (Table 8).
        residual: A residual path in stride-1 units (appendix).
        extra_depthwise: V2*'s depthwise convolution before the first 1x1 one (Section 4, for detection).
        small_stem: A stem for small images: stride 1 and no pool, so that the strides are a quarter.
        output_stride: Stride of the last stage, reached by dilation: 32, 16 or 8; with small_stem 8, 4 or 2.
            Default: None, the largest.
        pool_padding: Padding of the stem's pool, 'symmetric', 'same' or 'ceil'.

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.

    Example:
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
        *,
        in_channels: int = 3,
        depth: int | None = None,
        down_unit: str = 'halves',
        shuffle: str = 'interleave',
        last_channels: int | None = None,
        se: bool = False,
        residual: bool = False,
        extra_depthwise: bool = False,
        small_stem: bool = False,
        output_stride: int | None = None,
        pool_padding: str = 'symmetric',
    ) -> None:
        plan = plan_v2(
            widen_factor,
            out_indices,
            frozen_stages,
            in_channels=in_channels,
            depth=depth,
            down_unit=down_unit,
            shuffle=shuffle,
            last_channels=last_channels,
            se=se,
            residual=residual,
            extra_depthwise=extra_depthwise,
            small_stem=small_stem,
            output_stride=output_stride,
            pool_padding=pool_padding,
        )
        super().__init__(plan, conv_cfg, norm_cfg, act_cfg, norm_eval, with_cp, init_cfg)
        self.widen_factor = widen_factor
        self.frozen_stages = frozen_stages

    def _build_unit(self, unit: V2Unit) -> nn.Cell:
        return InvertedResidual(
            **asdict(unit), conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg, with_cp=self.with_cp
        )
