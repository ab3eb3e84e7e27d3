"""Layers that both versions share: convolutions from a plan, channel shuffle, pools, squeeze-and-excitation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import Normal, initializer

from shufflenet_zoo.arch import Conv
from shufflenet_zoo.arch.channels import interleave
from shufflenet_zoo.arch.units import check_positive
from shufflenet_zoo.errors import ArgumentError

# Scopes that may stand before a layer's type, because OpenMMLab's registries resolve them.
_SCOPES = ('mmpretrain', 'mmcv', 'mmengine')
# Of the official release.
INITIAL_NORM_BIAS = 0.0001


class BatchNorm2d(nn.BatchNorm2d):
    """BatchNorm that in evaluation mode can be folded into the convolution before it."""

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return the scale and the shift of every channel, both of shape (C,), in evaluation mode."""
        scale = self.gamma * ops.rsqrt(self.moving_variance + self.eps)
        return scale, self.beta - self.moving_mean * scale


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of (N, C, H, W), mmpretrain's LN2d."""

    def construct(self, x: Tensor) -> Tensor:
        y, _, _ = self.layer_norm(x.transpose(0, 2, 3, 1), self.gamma, self.beta)
        return y.transpose(0, 3, 1, 2)


def _batch_norm(channels: int, eps: float, momentum: float = 0.1) -> nn.Cell:
    return BatchNorm2d(channels, eps=eps, momentum=1 - momentum)


def _sync_batch_norm(channels: int, eps: float, momentum: float = 0.1) -> nn.Cell:
    return nn.SyncBatchNorm(channels, eps=eps, momentum=1 - momentum)


def _group_norm(channels: int, eps: float, num_groups: int) -> nn.Cell:
    return nn.GroupNorm(num_groups, channels, eps=eps)


def _layer_norm(channels: int, eps: float) -> nn.Cell:
    return LayerNorm2d((channels,), epsilon=eps)


@dataclass(frozen=True)
class _Layer:
    """What a config may say about a layer type.

    Attributes:
        build: Makes the cell from the config's arguments; a norm's also takes the channels first.
        arguments: The arguments that the config may give, with PyTorch's names and meanings.
        required: Those that it must give.
        name: The cell's name within a ConvModule.
    """

    build: Callable[..., nn.Cell | None]
    arguments: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    name: str = 'activate'


_BN_ARGUMENTS = ('eps', 'momentum', 'requires_grad')
_CONVS = {name: _Layer(lambda: None) for name in ('Conv2d', 'Conv')}
_NORMS = {
    'BN': _Layer(_batch_norm, _BN_ARGUMENTS, name='bn'),
    'BN2d': _Layer(_batch_norm, _BN_ARGUMENTS, name='bn'),
    'SyncBN': _Layer(_sync_batch_norm, _BN_ARGUMENTS, name='bn'),
    'GN': _Layer(_group_norm, ('num_groups', 'eps', 'requires_grad'), ('num_groups',), name='gn'),
    'LN2d': _Layer(_layer_norm, ('eps', 'requires_grad'), name='ln'),
}
# `inplace` says how PyTorch stores the result; it changes no number.
_ACTS = {
    'ReLU': _Layer(lambda inplace=True: nn.ReLU(), ('inplace',)),
    'ReLU6': _Layer(lambda inplace=True: nn.ReLU6(), ('inplace',)),
    'HSwish': _Layer(lambda inplace=True: nn.HSwish(), ('inplace',)),
    'SiLU': _Layer(lambda inplace=True: nn.SiLU(), ('inplace',)),
    'Swish': _Layer(nn.SiLU),
    'PReLU': _Layer(lambda init=0.25: nn.PReLU(w=init), ('init',)),
    'LeakyReLU': _Layer(
        lambda negative_slope=0.01, inplace=True: nn.LeakyReLU(negative_slope), ('negative_slope', 'inplace')
    ),
    'GELU': _Layer(lambda approximate='none': nn.GELU(approximate == 'tanh'), ('approximate',)),
}


def _resolve(argument: str, cfg: Mapping[str, Any], layers: Mapping[str, _Layer]) -> tuple[_Layer, dict[str, Any]]:
    """Return the layer that a config names and its arguments, all of them checked."""
    if not isinstance(cfg, Mapping) or 'type' not in cfg:
        raise ArgumentError(f'{argument} must have a type, one of {", ".join(layers)}; got {cfg}')
    kind = cfg['type']
    scope, _, name = kind.rpartition('.') if isinstance(kind, str) else ('', '', kind)
    if not isinstance(name, str) or name not in layers or (scope and scope not in _SCOPES):
        raise ArgumentError(
            f'{argument} must have a type that MindSpore can build, one of {", ".join(layers)}; got {kind!r}'
        )
    if name == 'SyncBN' and ms.get_context('device_target') != 'Ascend':
        raise ArgumentError(
            f"{argument} type 'SyncBN' exists in MindSpore on Ascend only, "
            f"not on {ms.get_context('device_target')}; use 'BN'"
        )
    layer, arguments = layers[name], {key: value for key, value in cfg.items() if key != 'type'}
    for key in arguments:
        if key not in layer.arguments:
            allowed = ', '.join(layer.arguments) or 'no arguments'
            raise ArgumentError(f'{argument} of type {kind!r} takes {allowed} in MindSpore; got {key!r}')
    for key in layer.required:
        if key not in arguments:
            raise ArgumentError(f'{argument} of type {kind!r} must give {key!r}; got {dict(cfg)}')
    if arguments.get('momentum', 0) is None:
        raise ArgumentError(
            f'{argument} momentum must be a number in MindSpore, which has no cumulative average; got None'
        )
    if arguments.get('approximate', 'none') not in ('none', 'tanh'):
        raise ArgumentError(f"{argument} approximate must be one of 'none', 'tanh'; got {arguments['approximate']!r}")
    return layer, arguments


@dataclass(frozen=True)
class LayerConfig:
    """The layer types of a network, as OpenMMLab's config dicts.

    Attributes:
        conv_cfg: Convolution; None is Conv2d, and MindSpore has no other.
        norm_cfg: Normalisation after every convolution, such as dict(type='BN') or dict(type='GN', num_groups=4).
        act_cfg: Activation, such as dict(type='ReLU').

    Raises:
        ArgumentError: if MindSpore cannot build one of them.
    """

    conv_cfg: dict[str, Any] | None
    norm_cfg: dict[str, Any] | None
    act_cfg: dict[str, Any] | None

    def __post_init__(self) -> None:
        for argument, layers in (('conv_cfg', _CONVS), ('norm_cfg', _NORMS), ('act_cfg', _ACTS)):
            cfg = getattr(self, argument)
            if cfg is not None:
                _resolve(argument, cfg, layers)

    def conv(self, conv: Conv, std: float | None = None) -> 'ConvModule':
        """Build the convolution of a plan, with its normalisation and activation.

        Args:
            conv: The convolution.
            std: Standard deviation of its initial weight. Default: None, as in the official release one over its
                input channels per group.
        """
        norm_name, norm = self._norm(conv.out_channels) if conv.norm else ('', None)
        act = self.act() if conv.act and self.act_cfg else None
        return ConvModule(conv, std or conv.groups / conv.in_channels, norm_name, norm, act)

    def _norm(self, channels: int) -> tuple[str, nn.Cell | None]:
        """Build a normalisation; return its name within a ConvModule too."""
        if self.norm_cfg is None:
            return '', None
        layer, arguments = _resolve('norm_cfg', self.norm_cfg, _NORMS)
        requires_grad = arguments.pop('requires_grad', True)
        num_groups = arguments.get('num_groups', 1)
        check_positive('norm_cfg num_groups', num_groups)
        if channels % num_groups:
            raise ArgumentError(
                f'norm_cfg num_groups={num_groups} does not divide a convolution of {channels} channels'
            )
        norm = _build('norm_cfg', self.norm_cfg, layer, channels, **{'eps': 1e-5, **arguments})
        norm.beta.set_data(initializer(INITIAL_NORM_BIAS, norm.beta.shape, norm.beta.dtype))
        for parameter in (norm.gamma, norm.beta):
            parameter.requires_grad = requires_grad
        return layer.name, norm

    def act(self) -> nn.Cell:
        """Build an activation of its own."""
        if self.act_cfg is None:
            return nn.Identity()
        layer, arguments = _resolve('act_cfg', self.act_cfg, _ACTS)
        return _build('act_cfg', self.act_cfg, layer, **arguments)


def _build(argument: str, cfg: Mapping[str, Any], layer: _Layer, *args: Any, **kwargs: Any) -> nn.Cell:
    """Build a layer; name the config in whatever MindSpore raises at values that it does not take."""
    try:
        return layer.build(*args, **kwargs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f'{argument}={dict(cfg)} cannot be built: {error}') from error


class ConvModule(nn.Cell):
    """A convolution, its normalisation and its activation, named as mmcv's ConvModule names them.

    In evaluation mode BatchNorm is folded into the convolution's weight and a bias. MindSpore's BatchNorm takes
    3.4 times as long as the bias alone (2.7 against 0.8 ms for 8x240x28x28 on 2 cores; ReLU 0.5, convolution 1.5).
    A grouped convolution is MindSpore's own: with oneDNN held at AVX2 it needs 1.5 ms for 240 -> 60 channels in 3
    groups and 0.8 ms for 60 -> 240; one convolution per group needs 1.5 and 1.5, a batched product 2.3 and 1.2.

    Args:
        conv: The convolution; it has a bias where no normalisation follows.
        std: Standard deviation of the initial weight.
        norm_name: Name of the normalisation: bn, gn or ln.
        norm: The normalisation, or None.
        activate: The activation, or None.
    """

    def __init__(
        self, conv: Conv, std: float, norm_name: str = '', norm: nn.Cell | None = None, activate: nn.Cell | None = None
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            stride=conv.stride,
            pad_mode='pad',
            padding=conv.padding,
            dilation=conv.dilation,
            group=conv.groups,
            has_bias=norm is None,
            weight_init=Normal(std),
            bias_init='zeros',
        )
        self.with_norm = norm is not None
        self.with_activation = activate is not None
        self.can_fold = isinstance(norm, BatchNorm2d)
        self.norm_name = norm_name
        if self.with_norm:
            setattr(self, norm_name, norm)
        if self.with_activation:
            self.activate = activate

    def add_flags(self, **flags: Any) -> 'ConvModule':
        """Set flags; under mixed precision BatchNorm stays a layer of its own, which O2 keeps in float32."""
        super().add_flags(**flags)
        if flags.get('fp16') or flags.get('bf16'):
            self.can_fold = False
        return self

    def construct(self, x: Tensor) -> Tensor:
        if self.can_fold and not self.bn.training:
            scale, shift = self.bn.scale_and_shift()
            x = self.conv.conv2d(x, self.conv.weight * scale.reshape(-1, 1, 1, 1))
            x = ops.bias_add(x, shift)
        else:
            x = self.conv(x)
            if self.with_norm:
                x = getattr(self, self.norm_name)(x)
        return self.activate(x) if self.with_activation else x


class ChannelShuffle(nn.Cell):
    """Reads the channels of (N, C, H, W) as a matrix of (rows, C // rows) and transposes it (V1 Section 3.1).

    A gather along the channels, whose gradient is the gather of the inverse order: 0.5 and 0.5 ms for 8x240x28x28,
    where reshaping and transposing take 1.6 and 2.5 ms, and the gradient that MindSpore derives for a gather 3.5.

    Args:
        channels: Channels of the input.
        rows: Rows of the matrix.
    """

    def __init__(self, channels: int, rows: int) -> None:
        super().__init__()
        order = interleave(np.arange(channels, dtype=np.int32), rows)
        self.order = Tensor(order)
        self.inverse = Tensor(np.argsort(order).astype(np.int32))
        self.gather = ops.Gather()

    def construct(self, x: Tensor) -> Tensor:
        return self.gather(x, self.order, 1)

    def bprop(self, x: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor]:
        return (self.gather(dout, self.inverse, 1),)


class SqueezeExcitation(nn.SequentialCell):
    """Scales every channel by a gate computed from the pooled channels (V2 appendix, Figure 2)."""

    def construct(self, x: Tensor) -> Tensor:
        return x * ops.sigmoid(super().construct(x.mean((2, 3), keep_dims=True)))


# How MindSpore itself pads the stem's pool.
_POOL_ARGUMENTS = {
    'symmetric': {'pad_mode': 'pad', 'padding': 1},
    'same': {'pad_mode': 'same'},
    'ceil': {'pad_mode': 'pad', 'ceil_mode': True},
}


class MaxPool(nn.Cell):
    """The stem's 3x3 stride-2 max-pool.

    In evaluation mode the border is padded by repeating it: the repeated pixel lies in the same window, so it never
    changes the maximum, whatever the sign. Then the pool needs no padding of its own: 9 ms for 8x24x112x112, where
    MindSpore's pad mode takes 24. With the gradient it is 42 and 28 ms, so training takes the pad mode.

    Args:
        padding: One of arch.POOL_PADDINGS: 'symmetric' pads a pixel on every side, 'same' what is missing, the
            larger half behind, 'ceil' only behind.
    """

    def __init__(self, padding: str) -> None:
        super().__init__()
        self.pads_before = padding == 'symmetric'
        self.pads_itself = padding == 'same'
        self.padded_pool = nn.MaxPool2d(3, stride=2, **_POOL_ARGUMENTS[padding])
        self.pool = nn.MaxPool2d(3, stride=2, pad_mode='valid')

    def _pad(self, x: Tensor, axis: int) -> Tensor:
        size = x.shape[axis]
        # The last window reaches one pixel beyond an even side, and with a pixel before it beyond an odd one.
        behind = (size + self.pads_before) % 2 == 0
        first, last = ops.narrow(x, axis, 0, 1), ops.narrow(x, axis, size - 1, 1)
        if self.pads_before and behind:
            return ops.concat((first, x, last), axis)
        if self.pads_before:
            return ops.concat((first, x), axis)
        if behind:
            return ops.concat((x, last), axis)
        return x

    def construct(self, x: Tensor) -> Tensor:
        if self.training or self.pads_itself:
            return self.padded_pool(x)
        return self.pool(self._pad(self._pad(x, 2), 3))


class DilatedAvgPool(nn.Cell):
    """A 3x3 average pool at stride 1 whose window is dilated, which nn.AvgPool2d cannot be.

    Args:
        channels: Channels of the input.
        dilation: Distance of the window's pixels and width of the zero padding.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.weight = Tensor(np.full((channels, 1, 3, 3), 1 / 9, np.float32))
        self.conv2d = ops.Conv2D(channels, 3, pad_mode='pad', pad=dilation, dilation=dilation, group=channels)

    def construct(self, x: Tensor) -> Tensor:
        return self.conv2d(x, self.weight.astype(x.dtype))


def shortcut_pool(channels: int, padding: str, stride: int, dilation: int) -> nn.Cell:
    """The 3x3 average pool on the shortcut of a V1 unit that concatenates; 'same' counts real pixels only."""
    if padding == 'same':
        return nn.AvgPool2d(3, stride=stride, pad_mode='same')
    if dilation > 1:
        return DilatedAvgPool(channels, dilation)
    return nn.AvgPool2d(3, stride=stride, pad_mode='pad', padding=1)
