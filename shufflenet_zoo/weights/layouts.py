"""Weight layouts as data: how each publisher names its parameters, and which structure those weights belong to.

A layout maps every convolution of a plan (``shufflenet_zoo.arch``) to the publisher's modules. What else tells it
from our own network is declared beside the names: the backbone arguments that its structure fixes, where V1 shuffles,
whether its channels run backwards. ``entries`` turns a layout and a plan into one-to-one correspondences of tensors,
from which both directions of a conversion follow.

Sources: the installed packages' own state dicts (mmpretrain 1.2.0, torchvision 0.24.1, pytorchcv 0.0.74,
mindcv 0.3.0), those of PaddleClas 2.6.0 and FastestDet, github.com/megvii-model/ShuffleNet-Series, and MindSpore's
ShuffleNet tutorial.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shufflenet_zoo.arch import V1, V2, Conv, Plan
from shufflenet_zoo.weights.permutations import ChannelOrders, conv_index

FAMILIES = (V1, V2)
CANONICAL = 'openmmlab'

# Parameters of a normalisation in canonical order.
TORCH_NORM = ('weight', 'bias', 'running_mean', 'running_var')
PADDLE_NORM = ('weight', 'bias', '_mean', '_variance')
MINDSPORE_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
COUNTER = 'num_batches_tracked'
HEAD = 'head.fc'
LAST_CONV = 'last_conv'

# What only our own networks can be, and what the others therefore fix.
_V1_ONLY_OURS = {'small_stem': False, 'output_stride': None}
_V2_ONLY_OURS = {
    'small_stem': False,
    'output_stride': None,
    'depth': None,
    'se': False,
    'residual': False,
    'extra_depthwise': False,
}


@dataclass(frozen=True)
class Layout:
    """How one publisher stores one family of networks.

    Attributes:
        name: The name that users give.
        family: The backbone class that holds the weights, V1 or V2.
        modules: (convolution, normalisation) by part: 'conv1', the convolutions of a unit by their canonical names,
            and LAST_CONV. Placeholders: {stage} as the paper counts (2, 3, 4), {block} = stages from 1, {unit} from 0,
            {unit1} from 1, {index} = units of all stages from 0, {second} = '_2' in a stage's first unit, which has two
            branches, else ''. None: our own names.
        norm: The normalisation's parameters in the order of TORCH_NORM.
        head: The classifier's module.
        head_bias: Whether the classifier has a bias.
        head_transposed: Whether the classifier's weight has a column rather than a row for every class.
        options: Backbone arguments that the structure fixes; V1's 'shuffle_order' and V2's 'shuffle' are those that
            channel permutations may bridge.
        early_shuffle: Whether V1 shuffles before the depthwise convolution rather than after it.
        reversed: Whether every channel order is reversed, as follows from (main branch, shortcut) concatenation.
        conv_list: Whether grouped 1x1 convolutions are lists of convolutions, one per group.
        prefix: What our own layouts put before the backbone's names.
    """

    name: str
    family: str
    modules: Mapping[str, tuple[str, str]] | None = None
    norm: tuple[str, str, str, str] = TORCH_NORM
    head: str = HEAD
    head_bias: bool = True
    head_transposed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    early_shuffle: bool = False
    reversed: bool = False
    conv_list: bool = False
    prefix: str = ''

    @property
    def is_ours(self) -> bool:
        """Whether the structure is our own network's, with all its options."""
        return self.modules is None

    @property
    def has_counter(self) -> bool:
        return self.norm == TORCH_NORM

    def conv_modules(self, plan: Plan) -> Iterator[tuple[str, Conv, str, str]]:
        """Yield every convolution's canonical name, the convolution, and the layout's two modules for it."""
        for name, conv in plan.named_convs().items():
            if self.modules is None:
                yield name, conv, f'{name}.conv', f'{name}.bn'
                continue
            part, fields = name, {}
            if name.startswith('layers.'):
                _, stage, *unit_and_part = name.split('.', maxsplit=3)
                if not unit_and_part:
                    part = LAST_CONV
                else:
                    unit, part = unit_and_part
                    index = sum(len(units) for units in plan.stages[: int(stage)]) + int(unit)
                    fields = {
                        'stage': int(stage) + 2,
                        'block': int(stage) + 1,
                        'unit': int(unit),
                        'unit1': int(unit) + 1,
                        'index': index,
                        'second': '' if int(unit) else '_2',
                    }
            conv_module, norm_module = (module.format(**fields) for module in self.modules[part])
            yield name, conv, conv_module, norm_module


@dataclass(frozen=True)
class Entry:
    """One canonical tensor and where a layout keeps it.

    Attributes:
        key: Canonical name, without prefix.
        keys: The layout's names: one, or one per group, to be joined along the first axis.
        shape: Canonical shape; None where any shape will do.
        index: Which of the layout's rows, or (row, column) pairs counted row by row, comes first, second, ... in the
            canonical tensor; None: the same order.
        part: 'backbone', LAST_CONV or HEAD: a file has all or none of a part's entries.
        optional: Whether the tensor may be missing although its part is there.
        transposed: Whether the layout keeps the matrix transposed.
    """

    key: str
    keys: tuple[str, ...]
    shape: tuple[int, ...] | None
    index: np.ndarray | None = None
    part: str = 'backbone'
    optional: bool = False
    transposed: bool = False

    @property
    def key_shape(self) -> tuple[int, ...] | None:
        """The shape of each of the layout's tensors."""
        if self.shape and self.transposed:
            return self.shape[::-1]
        return (self.shape[0] // len(self.keys), *self.shape[1:]) if self.shape else self.shape


def channel_orders(layout: Layout, plan: Plan) -> ChannelOrders:
    """Find the orders of a layout's channels, seen from a canonical network.

    Raises:
        PermutationError: if no channel permutation brings the layout's shuffle into the plan's.
    """
    return ChannelOrders(plan, layout.options, layout.early_shuffle, layout.reversed)


def entries(layout: Layout, plan: Plan, num_classes: int | None) -> list[Entry]:
    """List the correspondences between the canonical tensors of a network and a layout's.

    Args:
        layout: The layout.
        plan: The canonical network; its shuffle is the one that the channels are brought into.
        num_classes: Outputs of the classifier; None: any.

    Raises:
        PermutationError: if no channel permutation brings the layout's shuffle into the plan's.
    """
    orders = channel_orders(layout, plan)
    listed = []
    for name, conv, conv_module, norm_module in layout.conv_modules(plan):
        part = LAST_CONV if plan.last_conv is conv else 'backbone'
        inputs, outputs = orders.of_conv(name)
        listed.append(
            Entry(
                f'{name}.conv.weight',
                _weight_keys(layout, conv, conv_module),
                conv.weight_shape,
                conv_index(conv.groups, inputs, outputs),
                part,
            )
        )
        if not conv.norm:
            listed.append(Entry(f'{name}.conv.bias', (f'{conv_module}.bias',), (conv.out_channels,), outputs, part))
            continue
        for canonical, own in zip(TORCH_NORM, layout.norm, strict=True):
            listed.append(
                Entry(f'{name}.bn.{canonical}', (f'{norm_module}.{own}',), (conv.out_channels,), outputs, part)
            )
        if layout.has_counter:
            listed.append(Entry(f'{name}.bn.{COUNTER}', (f'{norm_module}.{COUNTER}',), (), part=part, optional=True))
    if layout.is_ours:
        listed += _activations(layout, plan)
    features = plan.last_conv.out_channels if plan.last_conv else plan.stages[-1][-1].out_channels
    weight, bias = (None, None) if num_classes is None else ((num_classes, features), (num_classes,))
    index = _head_index(num_classes, orders.of_head())
    listed.append(
        Entry(f'{HEAD}.weight', (f'{layout.head}.weight',), weight, index, HEAD, transposed=layout.head_transposed)
    )
    if layout.head_bias:
        listed.append(Entry(f'{HEAD}.bias', (f'{layout.head}.bias',), bias, part=HEAD))
    return listed


def _weight_keys(layout: Layout, conv: Conv, module: str) -> tuple[str, ...]:
    if layout.conv_list and module.endswith('.convs'):
        return tuple(f'{module}.{group}.weight' for group in range(conv.groups))
    return (f'{module}.weight',)


def _activations(layout: Layout, plan: Plan) -> list[Entry]:
    """The slopes of PReLU, which a network may have in place of ReLU."""
    slope = 'weight' if layout.norm == TORCH_NORM else 'w'
    owners = [f'{name}.activate' for name, conv in plan.named_convs().items() if conv.act]
    if not plan.last_conv:
        owners += [f'layers.{i}.{j}.act' for i, stage in enumerate(plan.stages) for j in range(len(stage))]
    return [Entry(f'{owner}.weight', (f'{owner}.{slope}',), (1,), optional=True) for owner in owners]


def _head_index(num_classes: int | None, order: np.ndarray | None) -> np.ndarray | None:
    if order is None or num_classes is None:
        return None
    return conv_index(1, order, np.arange(num_classes))


def _seq(module: str, *positions: int) -> tuple[str, ...]:
    return tuple(f'{module}.{i}' for i in positions)


_V1_PARTS = ('g_conv_1x1_compress', 'depthwise_conv3x3_bn', 'g_conv_1x1_expand')
_V2_PARTS = ('branch2.0', 'branch2.1', 'branch2.2', 'branch1.0', 'branch1.1')


def _modules(stem: tuple[str, ...], unit: dict[str, tuple[str, ...]], last: tuple[str, ...] | None = None) -> dict:
    return {'conv1': stem, **unit} | ({LAST_CONV: last} if last else {})


_MEGVII_V1 = _modules(
    _seq('first_conv', 0, 1),
    dict(
        zip(
            _V1_PARTS,
            (
                _seq('features.{index}.branch_main_1', 0, 1),
                _seq('features.{index}.branch_main_1', 3, 4),
                _seq('features.{index}.branch_main_2', 0, 1),
            ),
            strict=True,
        )
    ),
)
# MindSpore's ports move the depthwise convolution behind the shuffle, into the second half.
_MINDCV_V1_SINGLE = _modules(
    _seq('first_conv', 0, 1),
    dict(
        zip(
            _V1_PARTS,
            (
                _seq('features.{index}.branch_main_1', 0, 1),
                _seq('features.{index}.branch_main_2', 0, 1),
                _seq('features.{index}.branch_main_2', 2, 3),
            ),
            strict=True,
        )
    ),
)
_MINDCV_V1 = _MINDCV_V1_SINGLE | {
    'g_conv_1x1_compress': ('features.{index}.branch_main_1.0.convs', 'features.{index}.branch_main_1.1'),
    'g_conv_1x1_expand': ('features.{index}.branch_main_2.2.convs', 'features.{index}.branch_main_2.3'),
}


def _megvii_v2(unit: str) -> dict[str, tuple[str, str]]:
    """Megvii's modules of V2, with its units under a name."""
    return _modules(
        _seq('first_conv', 0, 1),
        dict(
            zip(
                _V2_PARTS,
                (
                    _seq(f'{unit}.branch_main', 0, 1),
                    _seq(f'{unit}.branch_main', 3, 4),
                    _seq(f'{unit}.branch_main', 5, 6),
                    _seq(f'{unit}.branch_proj', 0, 1),
                    _seq(f'{unit}.branch_proj', 2, 3),
                ),
                strict=True,
            )
        ),
        _seq('conv_last', 0, 1),
    )


_MEGVII_V2 = _megvii_v2('features.{index}')
# The detectors FastestDet and Yolo-FastestV2 keep megvii's units in stages; they have no last convolution and no head.
_FASTESTDET_V2 = _megvii_v2('stage{stage}.{unit}')
_TORCHVISION_V2 = _modules(
    _seq('conv1', 0, 1),
    dict(
        zip(
            _V2_PARTS,
            (
                _seq('stage{stage}.{unit}.branch2', 0, 1),
                _seq('stage{stage}.{unit}.branch2', 3, 4),
                _seq('stage{stage}.{unit}.branch2', 5, 6),
                _seq('stage{stage}.{unit}.branch1', 0, 1),
                _seq('stage{stage}.{unit}.branch1', 2, 3),
            ),
            strict=True,
        )
    ),
    _seq('conv5', 0, 1),
)
_PADDLECLAS_V2 = {
    part: (f'{module}._conv', f'{module}._batch_norm')
    for part, module in {
        'conv1': '_conv1',
        'branch2.0': '{stage}_{unit1}._conv_pw{second}',
        'branch2.1': '{stage}_{unit1}._conv_dw{second}',
        'branch2.2': '{stage}_{unit1}._conv_linear{second}',
        'branch1.0': '{stage}_{unit1}._conv_dw_1',
        'branch1.1': '{stage}_{unit1}._conv_linear_1',
        LAST_CONV: '_last_conv',
    }.items()
}
_PYTORCHCV_UNIT = 'features.stage{block}.unit{unit1}'


def _pytorchcv_pairs(parts: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, str]]:
    return {
        part: tuple(f'{_PYTORCHCV_UNIT}.{module}' for module in pair) for part, pair in zip(parts, pairs, strict=True)
    }


_PYTORCHCV_V1 = _modules(
    ('features.init_block.conv', 'features.init_block.bn'),
    _pytorchcv_pairs(
        _V1_PARTS, (('compress_conv1', 'compress_bn1'), ('dw_conv2', 'dw_bn2'), ('expand_conv3', 'expand_bn3'))
    ),
)
_PYTORCHCV_V2_ENDS = {
    'stem': ('features.init_block.conv.conv', 'features.init_block.conv.bn'),
    'last': ('features.final_block.conv', 'features.final_block.bn'),
}
_PYTORCHCV_V2 = _modules(
    unit=_pytorchcv_pairs(
        _V2_PARTS,
        (
            ('compress_conv1', 'compress_bn1'),
            ('dw_conv2', 'dw_bn2'),
            ('expand_conv3', 'expand_bn3'),
            ('dw_conv4', 'dw_bn4'),
            ('expand_conv5', 'expand_bn5'),
        ),
    ),
    **_PYTORCHCV_V2_ENDS,
)
_PYTORCHCV_V2B = _modules(
    unit=_pytorchcv_pairs(
        _V2_PARTS,
        tuple(
            (f'{block}.conv', f'{block}.bn') for block in ('conv1', 'dconv', 'conv2', 'shortcut_dconv', 'shortcut_conv')
        ),
    ),
    **_PYTORCHCV_V2_ENDS,
)

_MEGVII_V2_UNIT = {'down_unit': 'keep', 'shuffle': 'even_odd'}
_TORCHVISION_V2_UNIT = {'down_unit': 'halves', 'shuffle': 'interleave'}

LAYOUTS = (
    *(Layout(CANONICAL, family, prefix='backbone.') for family in FAMILIES),
    *(Layout('mindspore', family, norm=MINDSPORE_NORM, prefix='backbone.') for family in FAMILIES),
    *(
        Layout(
            name,
            V2,
            _TORCHVISION_V2,
            head='fc',
            options=_V2_ONLY_OURS
            | _TORCHVISION_V2_UNIT
            | {'pool_padding': 'symmetric', 'in_channels': 3, 'small_stem': small_stem},
        )
        # The same names for images of CIFAR's size; files of both look alike, and torchvision's come first.
        for name, small_stem in (('torchvision', False), ('chenyaofo', True))
    ),
    Layout(
        'megvii',
        V1,
        _MEGVII_V1,
        head='classifier.0',
        head_bias=False,
        options=_V1_ONLY_OURS | {'shuffle_order': 'megvii', 'pool_padding': 'symmetric'},
    ),
    *(
        Layout(
            name,
            V2,
            modules,
            head='classifier.0',
            head_bias=False,
            options=_V2_ONLY_OURS | _MEGVII_V2_UNIT | {'pool_padding': 'symmetric'},
        )
        for name, modules in (('megvii', _MEGVII_V2), ('fastestdet', _FASTESTDET_V2))
    ),
    *(
        Layout(
            name,
            V1,
            modules,
            MINDSPORE_NORM,
            head='classifier',
            head_bias=head_bias,
            conv_list=modules is _MINDCV_V1,
            early_shuffle=True,
            options=_V1_ONLY_OURS | {'shuffle_order': 'megvii', 'pool_padding': 'same'},
        )
        for name, modules, head_bias in (
            ('mindcv', _MINDCV_V1, False),
            ('mindcv-single', _MINDCV_V1_SINGLE, False),
            ('mindspore-tutorial', _MINDCV_V1, True),
        )
    ),
    Layout(
        'mindcv',
        V2,
        _MEGVII_V2,
        MINDSPORE_NORM,
        head='classifier',
        head_bias=False,
        options=_V2_ONLY_OURS | _MEGVII_V2_UNIT | {'pool_padding': 'same'},
    ),
    Layout(
        'pytorchcv',
        V1,
        _PYTORCHCV_V1,
        head='output',
        early_shuffle=True,
        reversed=True,
        options=_V1_ONLY_OURS | {'shuffle_order': 'paper', 'pool_padding': 'symmetric'},
    ),
    Layout(
        'pytorchcv',
        V2,
        _PYTORCHCV_V2,
        head='output',
        options=_V2_ONLY_OURS | _TORCHVISION_V2_UNIT | {'pool_padding': 'ceil'},
    ),
    Layout(
        'pytorchcv',
        V2,
        _PYTORCHCV_V2B,
        head='output',
        options=_V2_ONLY_OURS | {'down_unit': 'keep', 'shuffle': 'interleave', 'pool_padding': 'symmetric'},
    ),
    Layout(
        'paddleclas',
        V2,
        _PADDLECLAS_V2,
        PADDLE_NORM,
        head='_fc',
        head_transposed=True,
        options=_V2_ONLY_OURS | _TORCHVISION_V2_UNIT | {'pool_padding': 'symmetric'},
    ),
)
OWN_LAYOUTS = (CANONICAL, 'mindspore')
LAYOUT_NAMES = tuple(dict.fromkeys(layout.name for layout in LAYOUTS))
