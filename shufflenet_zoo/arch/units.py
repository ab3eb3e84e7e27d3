"""The units of ShuffleNet V1 and V2: their convolutions, and how they split, shuffle and join channels.

Sources: V1 = arXiv:1707.01083v2, V2 = arXiv:1807.11164. ``megvii`` = the official release,
github.com/megvii-model/ShuffleNet-Series.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from shufflenet_zoo.errors import ArgumentError

# The bottleneck of a V1 unit has a quarter of its output channels (Section 3.2).
V1_BOTTLENECK_RATIO = 4
V1_SHUFFLE_ORDERS = ('paper', 'megvii', 'none')
V2_DOWN_UNITS = ('halves', 'keep')
V2_SHUFFLES = ('interleave', 'even_odd')
# What no layer's channels exceed; a typo would ask for more memory than there is.
MOST_CHANNELS = 2**16
POOL_PADDINGS = ('symmetric', 'same', 'ceil')


@dataclass(frozen=True)
class Conv:
    """One convolution with square kernel, 'symmetric' padding of dilation * (kernel_size // 2), and what follows it.

    Attributes:
        norm: Whether a normalisation follows; without one, the convolution has a bias.
        act: Whether an activation follows.
    """

    in_channels: int
    out_channels: int
    kernel_size: int = 1
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    norm: bool = True
    act: bool = False

    @property
    def padding(self) -> int:
        return self.dilation * (self.kernel_size // 2)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.out_channels, self.in_channels // self.groups, self.kernel_size, self.kernel_size)


def _depthwise(channels: int, stride: int = 1, dilation: int = 1) -> Conv:
    return Conv(channels, channels, 3, stride, dilation, groups=channels)


@dataclass(frozen=True)
class V1Unit:
    """A ShuffleNet V1 unit (V1 Figure 2b, 2c): grouped 1x1, depthwise 3x3, channel shuffle, grouped 1x1.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output, the concatenated shortcut included.
        groups: Groups of the 1x1 convolutions.
        first_block: Whether the first 1x1 convolution is ungrouped (the first unit of stage 2).
        combine: 'add' (stride 1) or 'concat' (the shortcut is average-pooled and concatenated).
        stride: Stride of the depthwise convolution and of the shortcut's pool; None: 2 for 'concat', 1 for 'add'.
        dilation: Dilation of the depthwise convolution and of the shortcut's pool.
        shuffle_order: 'paper' (groups, n) -> (n, groups); 'megvii' (n, groups) -> (groups, n), its inverse; 'none'.
        pool_padding: Padding of the shortcut's pool, one of POOL_PADDINGS.

    Raises:
        ArgumentError: if the channels cannot be split into groups or combined.
    """

    in_channels: int
    out_channels: int
    groups: int = 3
    first_block: bool = True
    combine: str = 'add'
    stride: int | None = None
    dilation: int = 1
    shuffle_order: str = 'paper'
    pool_padding: str = 'symmetric'

    def __post_init__(self) -> None:
        check_choice('combine', self.combine, ('add', 'concat'))
        check_choice('shuffle_order', self.shuffle_order, V1_SHUFFLE_ORDERS)
        check_choice('pool_padding', self.pool_padding, POOL_PADDINGS)
        if self.stride is None:
            object.__setattr__(self, 'stride', 2 if self.combine == 'concat' else 1)
        if self.combine == 'add' and (self.in_channels != self.out_channels or self.stride != 1):
            raise ArgumentError(
                f"combine='add' needs in_channels = out_channels and stride 1, "
                f'got {self.in_channels}, {self.out_channels} and stride {self.stride}'
            )
        if self.combine == 'concat' and self.out_channels <= self.in_channels:
            raise ArgumentError(
                f"combine='concat' needs out_channels > in_channels, got {self.out_channels} and {self.in_channels}"
            )
        for what, channels, groups in (
            ('in_channels', self.in_channels, self.compress_groups),
            ('bottleneck channels', self.mid_channels, self.groups),
            ('expanded channels', self.expand_channels, self.groups),
        ):
            if channels < 1 or channels % groups:
                raise ArgumentError(
                    f'{what} {channels} of a unit {self.in_channels} -> {self.out_channels} '
                    f'cannot be split into groups={groups}'
                )

    @property
    def compress_groups(self) -> int:
        return 1 if self.first_block else self.groups

    @property
    def mid_channels(self) -> int:
        return self.out_channels // V1_BOTTLENECK_RATIO

    @property
    def expand_channels(self) -> int:
        return self.out_channels - self.in_channels if self.combine == 'concat' else self.out_channels

    @property
    def shuffle_groups(self) -> int:
        """Rows of the matrix whose transposition is the channel shuffle; 1: no shuffle."""
        if self.groups == 1 or self.shuffle_order == 'none':
            return 1
        return self.groups if self.shuffle_order == 'paper' else self.mid_channels // self.groups

    @property
    def compress(self) -> Conv:
        return Conv(self.in_channels, self.mid_channels, groups=self.compress_groups, act=True)

    @property
    def depthwise(self) -> Conv:
        return _depthwise(self.mid_channels, self.stride, self.dilation)

    @property
    def expand(self) -> Conv:
        return Conv(self.mid_channels, self.expand_channels, groups=self.groups)

    def named_convs(self) -> dict[str, Conv]:
        """The unit's convolutions under their canonical names, in order of execution."""
        return {
            'g_conv_1x1_compress': self.compress,
            'depthwise_conv3x3_bn': self.depthwise,
            'g_conv_1x1_expand': self.expand,
        }


@dataclass(frozen=True)
class V2Unit:
    """A ShuffleNet V2 unit (V2 Figure 3c, 3d): an identity or projection branch beside a main branch.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the 3x3 depthwise convolutions.
        dilation: Dilation of the 3x3 depthwise convolutions.
        project: Whether the first branch is a projection of the whole input rather than half of it unchanged;
            None: exactly when stride > 1.
        down_unit: Widths of a projecting unit: 'halves' gives both branches half of out_channels (torchvision,
            mmpretrain); 'keep' gives the projection in_channels and the main branch the rest (megvii; the paper's
            multiply-adds are those of this one).
        shuffle: 'interleave' shuffles after every unit (Figure 3); 'even_odd' splits even from odd channels before
            stride-1 units instead (megvii).
        se: Squeeze-and-excitation at the end of the main branch, with half of out_channels neurons (appendix).
        residual: Adds the main branch's input to its output before the last activation (appendix; stride 1 only).
        extra_depthwise: A 3x3 depthwise convolution before the first 1x1 one of the main branch (V2*, Table 7).

    Raises:
        ArgumentError: if the channels cannot be split that way.
    """

    in_channels: int
    out_channels: int
    stride: int = 1
    dilation: int = 1
    project: bool | None = None
    down_unit: str = 'halves'
    shuffle: str = 'interleave'
    se: bool = False
    residual: bool = False
    extra_depthwise: bool = False

    def __post_init__(self) -> None:
        check_choice('down_unit', self.down_unit, V2_DOWN_UNITS)
        check_choice('shuffle', self.shuffle, V2_SHUFFLES)
        if self.project is None:
            object.__setattr__(self, 'project', self.stride > 1)
        if self.out_channels < 2 or self.out_channels % 2:
            raise ArgumentError(f'out_channels must be even, got {self.out_channels}')
        if not self.project and (self.stride != 1 or self.in_channels != self.out_channels):
            raise ArgumentError(
                f'a unit without projection needs stride 1 and in_channels = out_channels, '
                f'got stride {self.stride}, {self.in_channels} and {self.out_channels}'
            )
        if self.project and self.down_unit == 'keep' and self.out_channels <= self.in_channels:
            raise ArgumentError(
                f"down_unit='keep' leaves the main branch {self.out_channels - self.in_channels} channels "
                f"in a unit {self.in_channels} -> {self.out_channels}; use down_unit='halves'"
            )

    @property
    def mid_channels(self) -> int:
        return self.out_channels // 2

    @property
    def shortcut_channels(self) -> int:
        """Channels of the identity or projection branch."""
        return self.in_channels if self.project and self.down_unit == 'keep' else self.mid_channels

    @property
    def main_in_channels(self) -> int:
        return self.in_channels if self.project else self.mid_channels

    @property
    def main_out_channels(self) -> int:
        return self.out_channels - self.shortcut_channels

    @property
    def adds_residual(self) -> bool:
        return self.residual and not self.project

    @property
    def splits_even_odd(self) -> bool:
        """Whether the unit takes its halves from even and odd channels rather than from the first and last ones."""
        return self.shuffle == 'even_odd' and not self.project

    @property
    def branch1(self) -> tuple[Conv, ...]:
        """The projection branch: depthwise, pointwise; empty where the branch is the identity."""
        if not self.project:
            return ()
        return (
            _depthwise(self.in_channels, self.stride, self.dilation),
            Conv(self.in_channels, self.shortcut_channels, act=True),
        )

    @property
    def pre_depthwise(self) -> Conv | None:
        return _depthwise(self.main_in_channels, dilation=self.dilation) if self.extra_depthwise else None

    @property
    def branch2(self) -> tuple[Conv, ...]:
        """The main branch: pointwise, depthwise, pointwise."""
        return (
            Conv(self.main_in_channels, self.mid_channels, act=True),
            _depthwise(self.mid_channels, self.stride, self.dilation),
            Conv(self.mid_channels, self.main_out_channels, act=not self.adds_residual),
        )

    @property
    def squeeze_excitation(self) -> tuple[Conv, ...]:
        """The two 1x1 convolutions on the pooled main branch, biased and without norm; empty without se."""
        if not self.se:
            return ()
        return (
            Conv(self.main_out_channels, self.mid_channels, norm=False, act=True),
            Conv(self.mid_channels, self.main_out_channels, norm=False),
        )

    def named_convs(self) -> dict[str, Conv]:
        """The unit's convolutions under their canonical names, in order of execution."""
        convs = {f'branch1.{i}': conv for i, conv in enumerate(self.branch1)}
        if self.pre_depthwise:
            convs['pre_depthwise'] = self.pre_depthwise
        convs |= {f'branch2.{i}': conv for i, conv in enumerate(self.branch2)}
        convs |= {f'se.{i}': conv for i, conv in enumerate(self.squeeze_excitation)}
        return convs


def check_choice(name: str, value: Any, allowed: tuple) -> None:
    """Raise an ArgumentError unless an argument has one of the allowed values."""
    # True and 1.0 equal 1 in Python, but neither is meant as an index or a count.
    is_plain = value is None or (isinstance(value, (str, Real)) and not isinstance(value, bool))
    same = next((choice for choice in allowed if is_plain and choice == value), ...)
    if same is ... or (isinstance(same, int) and not isinstance(value, Integral)):
        raise ArgumentError(f'{name} must be one of {", ".join(map(repr, allowed))}; got {value!r}')


def check_positive(name: str, value: Any) -> None:
    """Raise an ArgumentError unless an argument is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ArgumentError(f'{name} must be a positive integer, got {value!r}')


def check_channels(name: str, value: Any) -> None:
    """Raise an ArgumentError unless an argument is a number of channels that memory can hold."""
    check_positive(name, value)
    if value > MOST_CHANNELS:
        raise ArgumentError(f'{name} must be at most {MOST_CHANNELS}, got {value}')


def check_flags(**flags: Any) -> None:
    """Raise an ArgumentError unless arguments are True or False: every other value is true or false by accident."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ArgumentError(f'{name} must be True or False, got {value!r}')
