"""From the arguments of a network to its plan: the only place with channel numbers.

``plan_v1`` and ``plan_v2`` check every architecture argument once and resolve it into a ``Plan``: the stem, the
units of every stage with their convolutions, and the channels and strides of the outputs. A backend (PyTorch,
MindSpore) only translates a plan into its layers; parameter counts, multiply-adds and weight layouts are computed
from the same plan.

Sources: V1 = arXiv:1707.01083v2 (Table 1: channels; Table 2: widths), V2 = arXiv:1807.11164 (Table 5: channels;
Section 4, Table 7: V2*; appendix Table 2: the deep networks). ``megvii`` = the official release,
github.com/megvii-model/ShuffleNet-Series.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from shufflenet_zoo.arch.units import (
    POOL_PADDINGS,
    V1_BOTTLENECK_RATIO,
    Conv,
    V1Unit,
    V2Unit,
    check_channels,
    check_choice,
    check_flags,
)
from shufflenet_zoo.errors import ArgumentError

# V1 Table 1: stage 2 channels at width 1.0 by groups; stages 3 and 4 have 2 and 4 times as many.
V1_STAGE2_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
# V1 Tables 2 and 5, and 0.75: the widths that have names; any other can be built.
V1_WIDTHS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# The widest that fits into memory; what is wider is a typo.
V1_WIDEST = 32
V1_REPEATS = (4, 8, 4)
V1_STEM_CHANNELS = 24
# Stem channels of megvii's published V1 weights, by (groups, width).
V1_MEGVII_STEMS = {
    **{(groups, 1.0): 24 for groups in V1_STAGE2_CHANNELS},
    (3, 0.5): 12,
    (3, 1.5): 24,
    (3, 2.0): 48,
    (8, 0.5): 16,
    (8, 1.5): 24,
    (8, 2.0): 48,
}

# V2 Table 5: (stage 2, stage 3, stage 4, last convolution) by width; 0.25 and 0.33 are PaddleClas's.
V2_CHANNELS = {
    0.25: (24, 48, 96, 512),
    0.33: (32, 64, 128, 512),
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
V2_REPEATS = (4, 8, 4)
V2_STEM_CHANNELS = (24,)
# V2 appendix Table 2: stem, stage channels, repeats and last convolution of the deep networks; stage 2 keeps 56x56.
V2_DEEP = {
    50: ((64,), (244, 488, 976, 1952), (3, 4, 6, 3), 2048),
    164: ((64, 64, 128), (340, 680, 1360, 2720), (10, 10, 23, 10), 2048),
}

V1_WIDTH_RULES = ('mmpretrain', 'paper')
V1_STEM_RULES = ('mmpretrain', 'megvii')
STEM_OUTPUT = 'stem'
ALL_STAGES = 'all'


@dataclass(frozen=True)
class Stem:
    """The convolutions before stage 2 and the 3x3 stride-2 max-pool, which a small stem leaves out."""

    convs: tuple[Conv, ...]
    pool: bool
    pool_padding: str

    @property
    def out_channels(self) -> int:
        return self.convs[-1].out_channels

    @property
    def stride(self) -> int:
        return self.convs[0].stride * (2 if self.pool else 1)


@dataclass(frozen=True)
class FeatureInfo:
    """One output of a backbone.

    Attributes:
        index: The layer that it comes out of, as in out_indices.
        channels: Its channels.
        stride: Its stride relative to the images.
    """

    index: int | str
    channels: int
    stride: int


@dataclass(frozen=True)
class Plan:
    """A whole backbone.

    Attributes:
        stem: The stem.
        stages: The units of every stage, first stage first.
        last_conv: V2's 1x1 convolution after the last stage, None for V1.
        out_indices: The requested outputs, 'stem' or indices of layers (stages, then the last convolution), each once
            and in the order of the network, in which they come out.
        out_channels: Channels of the requested outputs.
        out_strides: Strides of the requested outputs, relative to the input.
        frozen_layers: Frozen layers counted from the first; 0 freezes the stem alone, -1 nothing.
    """

    stem: Stem
    stages: tuple[tuple[V1Unit | V2Unit, ...], ...]
    last_conv: Conv | None
    out_indices: tuple[int | str, ...]
    out_channels: tuple[int, ...]
    out_strides: tuple[int, ...]
    frozen_layers: int

    @property
    def in_channels(self) -> int:
        return self.stem.convs[0].in_channels

    @property
    def feature_info(self) -> tuple[FeatureInfo, ...]:
        """What comes out, in the order of the network."""
        outputs = zip(self.out_indices, self.out_channels, self.out_strides, strict=True)
        return tuple(FeatureInfo(*output) for output in outputs)

    @property
    def min_size(self) -> int:
        """The smallest side of an image that every requested output can be computed from."""
        return max(self.out_strides)

    def named_convs(self) -> dict[str, Conv]:
        """Every convolution under its canonical module name, in order of execution."""
        return {name: conv for _, convs in self.named_parts() for name, conv in convs.items()}

    def named_parts(self) -> Iterator[tuple[str, dict[str, Conv]]]:
        """Yield the stem, every stage and the last convolution as (name, its convolutions by canonical name)."""
        stem = self.stem.convs
        yield 'stem', {'conv1' if len(stem) == 1 else f'conv1.{i}': conv for i, conv in enumerate(stem)}
        for i, stage in enumerate(self.stages):
            yield (
                f'stage{i + 2}',
                {
                    f'layers.{i}.{j}.{name}': conv
                    for j, unit in enumerate(stage)
                    for name, conv in unit.named_convs().items()
                },
            )
        if self.last_conv:
            yield 'last_conv', {f'layers.{len(self.stages)}': self.last_conv}


def plan_v1(
    groups: int = 3,
    widen_factor: float = 1.0,
    out_indices: Sequence[int | str] | int | str | None = None,
    frozen_stages: int | str = -1,
    *,
    in_channels: int = 3,
    width_rule: str = 'mmpretrain',
    stem_rule: str = 'mmpretrain',
    shuffle_order: str = 'paper',
    small_stem: bool = False,
    output_stride: int | None = None,
    pool_padding: str = 'symmetric',
) -> Plan:
    """Resolve the arguments of ShuffleNetV1 into a plan.

    Args:
        groups: Groups of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        widen_factor: Factor on the channels of every stage.
        out_indices: The outputs, from 'stem' (stride 4), 0, 1, 2 (stages 2, 3, 4); in whatever order they are given,
            they come out in that of the network. Default: (2,).
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages up to 2, 'all' everything.
        in_channels: Channels of the images.
        width_rule: 'mmpretrain' rounds every stage to a multiple of 8 and the stem down to an integer; 'paper' keeps
            the literal channels of Table 1 times the factor, and where groups do not divide them, rounds stages
            to the nearest multiple of 4 * groups and the stem to the nearest multiple of groups, halves up.
        stem_rule: 'mmpretrain' scales the 24 channels with widen_factor; 'megvii' takes the published ones.
        shuffle_order: Order of the channel shuffle: 'paper' (mmpretrain's too), 'megvii' (its inverse) or 'none'.
        small_stem: A stem for small images: stride 1 and no pool, so that the strides are a quarter.
        output_stride: Stride of the last stage, reached by dilation: 32, 16 or 8; with small_stem 8, 4 or 2.
            Default: None, the largest.
        pool_padding: Padding of the pools: 'symmetric' (PyTorch's padding=1), 'same' (TensorFlow's and MindSpore's,
            the shortcut's average pool included), 'ceil' (padding 0 in ceil mode, the stem's pool only).

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.
    """
    check_choice('groups', groups, tuple(V1_STAGE2_CHANNELS))
    check_choice('width_rule', width_rule, V1_WIDTH_RULES)
    check_choice('stem_rule', stem_rule, V1_STEM_RULES)
    is_number = isinstance(widen_factor, Real) and not isinstance(widen_factor, bool)
    if not is_number or not 0 < widen_factor < math.inf:
        raise ArgumentError(f'widen_factor must be a positive number, got {widen_factor!r}')
    if widen_factor > V1_WIDEST:
        raise ArgumentError(f'widen_factor must be at most {V1_WIDEST}, got {widen_factor!r}')
    stem_channels = _v1_stem_channels(groups, widen_factor, width_rule, stem_rule)
    stem = _stem(in_channels, (stem_channels,), small_stem, pool_padding)
    channels = [_v1_stage_channels(groups, 2**i, widen_factor, width_rule) for i in range(len(V1_REPEATS))]

    def unit(inputs: int, outputs: int, stage: int, index: int, stride: int, dilation: int) -> V1Unit:
        return V1Unit(
            inputs,
            outputs,
            groups,
            first_block=stage == index == 0,
            combine='add' if index else 'concat',
            stride=stride,
            dilation=dilation,
            shuffle_order=shuffle_order,
            pool_padding='same' if pool_padding == 'same' else 'symmetric',
        )

    try:
        stages, strides = _stages(unit, stem, channels, V1_REPEATS, (2, 2, 2), output_stride)
    except ArgumentError as error:
        raise ArgumentError(
            f'groups={groups} and widen_factor={widen_factor} cannot be built with width_rule={width_rule!r} and '
            f"stem_rule={stem_rule!r}: {error}; width_rule='paper' with stem_rule='mmpretrain' builds every "
            f'width'
        ) from None
    if pool_padding != 'symmetric' and output_stride not in (None, 8 if small_stem else 32):
        raise ArgumentError(
            f"output_stride={output_stride} of V1 needs pool_padding='symmetric', got {pool_padding!r}: "
            f'the dilated shortcut pool exists for that one only'
        )
    return _plan(stem, stages, strides, None, out_indices, frozen_stages)


def plan_v2(
    widen_factor: float = 1.0,
    out_indices: Sequence[int | str] | int | str | None = None,
    frozen_stages: int | str = -1,
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
) -> Plan:
    """Resolve the arguments of ShuffleNetV2 into a plan.

    Args:
        widen_factor: 0.25, 0.33, 0.5, 1.0, 1.5 or 2.0; 1.0 for a deep network.
        out_indices: The outputs, from 'stem' (stride 4), the stages (0, 1, 2; a deep network has four) and
            the last convolution (3; 4 in a deep network); in whatever order they are given, they come out in that of
            the network. Default: the last convolution.
        frozen_stages: -1 freezes nothing, 0 the stem, n the stem and the first n stages, 'all' everything.
        in_channels: Channels of the images.
        depth: None for the mobile networks; 50 or 164 for the deep ones of the appendix, of which the published
            ShuffleNetV2-164 also has se and residual.
        down_unit: Widths of the stride-2 unit's branches: 'halves' (torchvision, mmpretrain) or 'keep' (megvii).
        shuffle: 'interleave' after every unit, or 'even_odd' split before stride-1 units (megvii).
        last_channels: Width of the last convolution. Default: None, the published one.
        se: Squeeze-and-excitation in every unit.
        residual: A residual path in stride-1 units.
        extra_depthwise: V2*'s depthwise convolution before the first 1x1 one of every main branch.
        small_stem: A stem for small images: stride 1 and no pool, so that the strides are a quarter.
        output_stride: Stride of the last stage, reached by dilation: 32, 16 or 8; with small_stem 8, 4 or 2.
            Default: None, the largest.
        pool_padding: Padding of the stem's pool: 'symmetric' (PyTorch's padding=1), 'same' (TensorFlow's and
            MindSpore's) or 'ceil' (padding 0 in ceil mode).

    Raises:
        ArgumentError: if an argument, or the combination of them, cannot be built.
    """
    check_choice('widen_factor', widen_factor, tuple(V2_CHANNELS))
    check_choice('depth', depth, (None, *V2_DEEP))
    check_flags(se=se, residual=residual, extra_depthwise=extra_depthwise)
    stem_channels, repeats, stage_strides = V2_STEM_CHANNELS, V2_REPEATS, (2, 2, 2)
    *channels, published_last = V2_CHANNELS[widen_factor]
    if depth is not None:
        if widen_factor != 1.0:
            raise ArgumentError(f'widen_factor must be 1.0 with depth={depth}, got {widen_factor}')
        stem_channels, channels, repeats, published_last = V2_DEEP[depth]
        stage_strides = (1, 2, 2, 2)
    if last_channels is not None:
        check_channels('last_channels', last_channels)
    stem = _stem(in_channels, stem_channels, small_stem, pool_padding)

    def unit(inputs: int, outputs: int, stage: int, index: int, stride: int, dilation: int) -> V2Unit:
        return V2Unit(
            inputs,
            outputs,
            stride,
            dilation,
            project=index == 0,
            down_unit=down_unit,
            shuffle=shuffle,
            se=se,
            residual=residual,
            extra_depthwise=extra_depthwise,
        )

    try:
        stages, strides = _stages(unit, stem, channels, repeats, stage_strides, output_stride)
    except ArgumentError as error:
        raise ArgumentError(f'widen_factor={widen_factor} and depth={depth}: {error}') from None
    last_conv = Conv(channels[-1], last_channels or published_last, act=True)
    return _plan(stem, stages, strides, last_conv, out_indices, frozen_stages)


def _v1_stage_channels(groups: int, multiple: int, widen_factor: float, width_rule: str) -> int:
    literal = V1_STAGE2_CHANNELS[groups] * multiple * widen_factor
    if width_rule == 'mmpretrain':
        return _make_divisible(literal, 8)
    return _round_half_up(literal, V1_BOTTLENECK_RATIO * groups)


def _v1_stem_channels(groups: int, widen_factor: float, width_rule: str, stem_rule: str) -> int:
    if stem_rule == 'megvii':
        if (groups, widen_factor) not in V1_MEGVII_STEMS:
            published = ', '.join(f'groups={g} at {w}' for g, w in V1_MEGVII_STEMS)
            raise ArgumentError(
                f"stem_rule='megvii' is published for (groups, widen_factor) {published}; "
                f'got groups={groups} at {widen_factor}'
            )
        return V1_MEGVII_STEMS[groups, widen_factor]
    if width_rule == 'mmpretrain':
        return int(V1_STEM_CHANNELS * widen_factor)
    return _round_half_up(V1_STEM_CHANNELS * widen_factor, groups)


def _round_half_up(value: float, divisor: int) -> int:
    return max(int(value / divisor + 0.5), 1) * divisor


def _make_divisible(value: float, divisor: int, min_ratio: float = 0.9) -> int:
    """MobileNet's rounding, which mmpretrain uses: nearest multiple, but never below 0.9 of the value."""
    rounded = max(int(value + divisor / 2) // divisor * divisor, divisor)
    return rounded if rounded >= min_ratio * value else rounded + divisor


def _stem(in_channels: int, channels: Sequence[int], small: bool, pool_padding: str) -> Stem:
    check_channels('in_channels', in_channels)
    check_flags(small_stem=small)
    check_choice('pool_padding', pool_padding, POOL_PADDINGS)
    if channels[0] < 1:
        raise ArgumentError(f'the stem would have {channels[0]} channels; use a larger widen_factor')
    convs = []
    for i, outputs in enumerate(channels):
        convs.append(Conv(in_channels, outputs, 3, stride=2 if i == 0 and not small else 1, act=True))
        in_channels = outputs
    return Stem(tuple(convs), pool=not small, pool_padding=pool_padding)


def _stages(unit, stem: Stem, channels, repeats, stage_strides, output_stride):
    """Build the units of every stage and the stages' strides; beyond output_stride, stride turns into dilation."""
    full_stride = stem.stride
    for stride in stage_strides:
        full_stride *= stride
    check_choice('output_stride', output_stride, (None, full_stride, full_stride // 2, full_stride // 4))
    stages, strides = [], []
    inputs, reached, dilation = stem.out_channels, stem.stride, 1
    for stage, (outputs, repeat, stage_stride) in enumerate(zip(channels, repeats, stage_strides, strict=True)):
        keeps_shape = reached * stage_stride > (output_stride or full_stride)
        units = [unit(inputs, outputs, stage, 0, 1 if keeps_shape else stage_stride, dilation)]
        if keeps_shape:
            dilation *= stage_stride
        else:
            reached *= stage_stride
        units += [unit(outputs, outputs, stage, index, 1, dilation) for index in range(1, repeat)]
        stages.append(tuple(units))
        strides.append(reached)
        inputs = outputs
    return tuple(stages), tuple(strides)


def _plan(stem, stages, strides, last_conv, out_indices, frozen_stages) -> Plan:
    """Add the outputs and the frozen layers to the built parts."""
    channels = {STEM_OUTPUT: stem.out_channels} | {i: units[-1].out_channels for i, units in enumerate(stages)}
    layer_strides = {STEM_OUTPUT: stem.stride} | dict(enumerate(strides))
    if last_conv:
        channels[len(stages)] = last_conv.out_channels
        layer_strides[len(stages)] = strides[-1]
    layers = len(channels) - 1
    if out_indices is None:
        out_indices = (layers - 1,)
    elif isinstance(out_indices, (Integral, str)):
        out_indices = (out_indices,)
    if not isinstance(out_indices, Sequence) or not out_indices:
        raise ArgumentError(f'out_indices must name at least one of {tuple(channels)}, got {out_indices!r}')
    for index in out_indices:
        check_choice('out_indices', index, tuple(channels))
    out_indices = [index for index in channels if index in out_indices]
    check_choice('frozen_stages', frozen_stages, (*range(-1, layers), ALL_STAGES))
    return Plan(
        stem=stem,
        stages=stages,
        last_conv=last_conv,
        out_indices=tuple(out_indices),
        out_channels=tuple(channels[i] for i in out_indices),
        out_strides=tuple(layer_strides[i] for i in out_indices),
        frozen_layers=layers if frozen_stages == ALL_STAGES else frozen_stages,
    )
