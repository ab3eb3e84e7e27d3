"""Recognising weights: the network among the tensors of a file, and the backbone's arguments by the shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from shufflenet_zoo.arch import V1, Architecture
from shufflenet_zoo.arch.architecture import check_names, family_of
from shufflenet_zoo.arch.plans import (
    V1_STAGE2_CHANNELS,
    V1_STEM_RULES,
    V1_WIDTH_RULES,
    V1_WIDTHS,
    V2_CHANNELS,
    V2_DEEP,
    Plan,
    plan_v2,
)
from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.weights.convert import Weights, part_names
from shufflenet_zoo.weights.layouts import HEAD, LAST_CONV, Layout
from shufflenet_zoo.weights.subtree import find_subtree

# What may be taken of a network.
PARTS = ('backbone',)
_PARTS_BESIDE = {LAST_CONV: 'last convolution', HEAD: 'classifier'}


def identify(
    tensors: Mapping[str, np.ndarray],
    layout: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    prefix: str | None = None,
    part: str | None = None,
) -> Weights:
    """Recognise bare tensors.

    What is beside the network, such as a detector's neck and head or a loss, is left out, and a note names it.

    Args:
        tensors: Arrays by name, with or without prefixes.
        layout: Name of the layout. Default: None, detected from the names.
        backbone: Backbone arguments that are known, all or some; the rest follows from the shapes, the layout and
            our defaults.
        prefix: What the names of the network begin with, where there are several. Default: None, found.
        part: 'backbone' to leave out the classifier and whatever else is not the backbone's. Default: None, all of the
            network.

    Raises:
        ArgumentError: if a backbone argument is unknown.
        CheckpointError: if no layout fits, several networks are there, or the shapes are of no network that the
            tables of shufflenet_zoo.arch know.
    """
    if not tensors:
        raise CheckpointError('there are no weights in it')
    subtree = find_subtree(tensors, layout, prefix)
    found, (own, others) = subtree.layout, subtree.split(tensors)
    known = dict(backbone or {})
    if known.get('type') and family_of(known) != found.family:
        raise CheckpointError(f'the weights are of {found.family}, not of {known["type"]}')
    check_names(found.family, (name for name in known if name != 'type'))
    architecture, notes = infer_architecture(own, found, known)
    weights = Weights(found, architecture, own, notes)
    names = part_names(weights)
    if part == 'backbone':
        wanted = names['backbone'] | names.get(LAST_CONV, set())
        others += [subtree.full_name(key) for key in own if key not in wanted]
        own = {key: array for key, array in own.items() if key in wanted}
    absent = [what for key, what in _PARTS_BESIDE.items() if key in names and not names[key] & own.keys()]
    if absent:
        notes += (f'there is no {" and no ".join(absent)} in it',)
    if others:
        notes += (f'left out, not of the {part or "network"}: {subtree.summary(others)}',)
    return replace(weights, tensors=own, notes=notes, left_out=tuple(others))


class _Shapes:
    """Looks up the shapes of a network's convolutions in a layout, before the network is known."""

    def __init__(self, tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
        self._tensors = tensors
        self._modules = {
            name: modules for name, _, *modules in layout.conv_modules(Architecture(layout.family, {}).plan)
        }
        self._layout = layout

    def weight(self, name: str, axis: int) -> int:
        """One side of a convolution's weight, or of the first of a list."""
        conv = self._module(name)[0]
        key = f'{conv}.0.weight' if conv.endswith('.convs') else f'{conv}.weight'
        shape = self._shape(key)
        if len(shape) != 4 or shape[axis] < 1:
            raise CheckpointError(f'tensor {key} has shape {shape}; a convolution has four sides')
        return shape[axis]

    def outputs(self, name: str) -> int:
        """Output channels of a convolution."""
        key = f'{self._module(name)[1]}.{self._layout.norm[2]}'
        shape = self._shape(key)
        if len(shape) != 1 or shape[0] < 1:
            raise CheckpointError(f'tensor {key} has shape {shape}; a normalisation has one side')
        return shape[0]

    def has(self, name: str) -> bool:
        return f'{self._module(name)[0]}.weight' in self._tensors

    def _module(self, name: str) -> list[str]:
        return self._modules.get(name) or [f'{name}.conv', f'{name}.bn']

    def _shape(self, key: str) -> tuple[int, ...]:
        if key not in self._tensors:
            raise CheckpointError(f'the weights do not fit layout {self._layout.name!r}: tensor {key} is missing')
        return self._tensors[key].shape


def infer_architecture(
    tensors: Mapping[str, np.ndarray],
    layout: Layout,
    known: Mapping[str, Any],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Infer the backbone's arguments from shapes.

    Args:
        tensors: The layout's tensors, without prefixes.
        layout: The layout.
        known: Arguments that are known; they overrule what is inferred, and must fit the layout.

    Returns:
        The network, and notes on the arguments that the weights do not show.

    Raises:
        CheckpointError: if no network of the tables has such shapes.
    """
    for key, value in layout.options.items():
        if key in known and known[key] != value:
            raise CheckpointError(f'layout {layout.name!r} has {key}={value!r}, not {known[key]!r}')
    infer = _infer_v1 if layout.family == V1 else _infer_v2
    given = {key: value for key, value in known.items() if key != 'type'}
    shapes = _Shapes(tensors, layout)
    candidates = infer(shapes, layout, given)
    for arguments in candidates:
        try:
            architecture = Architecture(layout.family, arguments | dict(layout.options) | given)
            fits = _sizes(architecture.plan) == _sizes_found(shapes, architecture.plan)
        except (ArgumentError, CheckpointError):
            continue
        if fits:
            return architecture, _notes(layout, known, architecture)
    widths = _sizes_found(shapes, Architecture(layout.family, {}).plan)
    unusual = {key: value for key, value in given.items() if value not in (None, False)}
    told = f' with {", ".join(f"{key}={value!r}" for key, value in unusual.items())}' if unusual else ''
    raise CheckpointError(
        f'no {layout.family}{told} has a stem of {widths[0]} channels and stages of {", ".join(map(str, widths[1:]))}'
        + ('' if given else '; if the widths are unusual, give the backbone arguments')
    )


def _infer_v1(shapes: _Shapes, layout: Layout, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    channels = shapes.outputs('layers.0.1.g_conv_1x1_expand')
    groups = channels // shapes.weight('layers.0.1.g_conv_1x1_compress', 1)
    if groups not in V1_STAGE2_CHANNELS:
        raise CheckpointError(
            f'the weights have {groups} groups; ShuffleNetV1 has one of {", ".join(map(str, V1_STAGE2_CHANNELS))}'
        )
    ratio = channels / V1_STAGE2_CHANNELS[groups]
    # Known widths before unusual ones, and our defaults before other rules.
    widths = (*sorted(V1_WIDTHS, key=lambda width: abs(width - ratio)), ratio)
    for width in _choices(given, 'widen_factor', widths):
        for width_rule in V1_WIDTH_RULES:
            for stem_rule in V1_STEM_RULES:
                yield {
                    'groups': groups,
                    'widen_factor': width,
                    'width_rule': width_rule,
                    'stem_rule': stem_rule,
                    'in_channels': shapes.weight('conv1', 1),
                }


def _infer_v2(shapes: _Shapes, layout: Layout, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    multi_stem = shapes.has('conv1.0')
    common = {
        'in_channels': shapes.weight('conv1.0' if multi_stem else 'conv1', 1),
        'se': shapes.has('layers.0.0.se.0'),
        'extra_depthwise': shapes.has('layers.0.0.pre_depthwise'),
    }
    # Later stages double their channels, and half of them are then those of the input.
    keeps = shapes.outputs('layers.0.0.branch1.1') != shapes.outputs('layers.0.0.branch2.0')
    if keeps and 'shuffle' not in layout.options and 'shuffle' not in given:
        raise CheckpointError(
            "the projections keep their input's width (down_unit='keep'), and the weights do not "
            "show which shuffle goes with it: give shuffle='even_odd' (megvii's) or 'interleave'"
        )
    common['down_unit'] = 'keep' if keeps else 'halves'
    for depth in _choices(given, 'depth', (None, *V2_DEEP)):
        for width in _choices(given, 'widen_factor', tuple(V2_CHANNELS) if depth is None else (1.0,)):
            last = f'layers.{4 if depth else 3}'
            arguments = common | {'widen_factor': width, 'depth': depth}
            if shapes.has(last):
                published = plan_v2(widen_factor=width, depth=depth)
                found = shapes.outputs(last)
                if found != published.last_conv.out_channels:
                    arguments['last_channels'] = found
            yield arguments


def _choices(given: Mapping[str, Any], key: str, others: tuple) -> tuple:
    return (given[key],) if key in given else others


def _sizes(plan: Plan) -> tuple[int, ...]:
    """Channels of the stem and of every stage."""
    return plan.stem.out_channels, *(stage[-1].out_channels for stage in plan.stages)


def _sizes_found(shapes: _Shapes, plan: Plan) -> tuple[int, ...]:
    """The same of the tensors, looked up where a plan has them."""
    stem = [name for name in plan.named_convs() if name.startswith('conv1')][-1]
    sizes = [shapes.outputs(stem)]
    for i, stage in enumerate(plan.stages):
        unit = f'layers.{i}.{len(stage) - 1}'
        if 'g_conv_1x1_expand' in stage[-1].named_convs():
            sizes.append(shapes.outputs(f'{unit}.g_conv_1x1_expand'))
        else:
            sizes.append(2 * shapes.outputs(f'{unit}.branch2.0'))
    return tuple(sizes)


def _notes(layout: Layout, known: Mapping[str, Any], architecture: Architecture) -> tuple[str, ...]:
    if not layout.is_ours or known.get('type'):
        return ()
    hidden = (
        ('shuffle_order', 'pool_padding', 'small_stem', 'output_stride')
        if layout.family == V1
        else ('shuffle', 'pool_padding', 'small_stem', 'output_stride', 'residual')
    )
    assumed = [f'{key}={architecture[key]!r}' for key in hidden if key not in known]
    return (
        (
            f'the file does not say, and weights do not show, {", ".join(assumed)}: taken at their '
            f"defaults, mmpretrain's",
        )
        if assumed
        else ()
    )
