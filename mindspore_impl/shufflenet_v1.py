"""ShuffleNet V1 (arXiv:1707.01083v2)."""

from collections.abc import Sequence
from typing import Any

from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch import V1, Architecture, V1Unit
from shufflenet_zoo.mindspore_impl.base import ShuffleNet
from shufflenet_zoo.mindspore_impl.layers import ChannelShuffle, LayerConfig, shortcut_pool
from shufflenet_zoo.mindspore_impl.recomputation import recompute

_BN = {'type': 'BN'}
_RELU = {'type': 'ReLU'}


class ShuffleUnit(nn.Cell):
    """A ShuffleNet V1 unit (Figure 2b with combine='add', Figure 2c with 'concat').

    The shuffle sits behind the depthwise convolution; before it, as in the figure, it computes the same up to the
    order of that convolution's channels.

    Args:
        unit: The unit's plan.
        layer_cfg: How its layers are made.
        with_cp: Whether to recompute the activations in the backward pass rather than keep them.
    """

    def __init__(self, unit: V1Unit, layer_cfg: LayerConfig, with_cp: bool = False) -> None:
        super().__init__()
        # Graph mode reads plain attributes only.
        self.adds = unit.combine == 'add'
        self.shuffles = unit.shuffle_groups > 1
        self.g_conv_1x1_compress = layer_cfg.conv(unit.compress)
        self.depthwise_conv3x3_bn = layer_cfg.conv(unit.depthwise)
        self.g_conv_1x1_expand = layer_cfg.conv(unit.expand)
        self.act = layer_cfg.act()
        if unit.combine == 'concat':
            self.avgpool = shortcut_pool(unit.in_channels, unit.pool_padding, unit.stride, unit.dilation)
        if unit.shuffle_groups > 1:
            self.channel_shuffle = ChannelShuffle(unit.mid_channels, unit.shuffle_groups)
        if with_cp:
            recompute(self)

    def construct(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        out = self.depthwise_conv3x3_bn(self.g_conv_1x1_compress(x))
        if self.shuffles:
            out = self.channel_shuffle(out)
        out = self.g_conv_1x1_expand(out)
        if self.adds:
            return self.act(x + out)
        return ops.concat((self.avgpool(x), self.act(out)), 1)


class ShuffleNetV1(ShuffleNet):
    """ShuffleNet V1 backbone: a superset of mmpretrain's, with its parameter names.

    Args:
        groups: Groups of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        widen_factor: Factor on the channels of every stage.
        out_indices: The outputs, from 'stem' (stride 4), 0, 1, 2 (stages 2, 3, 4). Default: (2,).
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages up to 2, 'all' everything.
        conv_cfg: Convolution layer. Default: None, nn.Conv2d; MindSpore has no other.
        norm_cfg: Normalisation layer. Default: dict(type='BN').
        act_cfg: Activation layer. Default: dict(type='ReLU').
        norm_eval: Whether every BatchNorm stays in evaluation mode during training.
        with_cp: Whether units recompute their activations in the backward pass rather than keep them; gradients
            and running statistics are the same to the bit.
        init_cfg: Initialisation after the official one; None or dict(type='Pretrained', checkpoint=FILE).
        **architecture: What else makes the network: the keyword arguments of shufflenet_zoo.arch.plan_v1.

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.

    Examples:
        >>> backbone = ShuffleNetV1(groups=3, out_indices=(0, 1, 2))
        >>> [tuple(f.shape) for f in backbone(ops.rand(1, 3, 224, 224))]
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
        init_cfg: dict[str, Any] | None = None,
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

    def _build_unit(self, unit: V1Unit) -> nn.Cell:
        return ShuffleUnit(unit, self.layer_cfg, self.with_cp)
