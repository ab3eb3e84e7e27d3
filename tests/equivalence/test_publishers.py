"""Converted weights in our network compute what the publishers' own networks compute, stage by stage."""

import inspect

import mindcv
import numpy as np
import pytest
import torch
import torchvision
from helpers.described_networks import MegviiNet, build_tutorial, run_reference
from helpers.signal import state_of
from mindspore import Tensor
from mmpretrain.models import backbones as mmpretrain_backbones
from pytorchcv.models import shufflenet, shufflenetv2, shufflenetv2b

from shufflenet_zoo.equivalence import publishers
from shufflenet_zoo.equivalence.conversion import compare, reordered
from shufflenet_zoo.weights import convert, identify
from shufflenet_zoo.weights.layouts import channel_orders

# Official channels: stem and stages; for V2 stages and last convolution.
MEGVII_V1 = {
    (3, '0.5x'): (12, (120, 240, 480)),
    (3, '1.0x'): (24, (240, 480, 960)),
    (3, '1.5x'): (24, (360, 720, 1440)),
    (3, '2.0x'): (48, (480, 960, 1920)),
    (8, '0.5x'): (16, (192, 384, 768)),
    (8, '1.0x'): (24, (384, 768, 1536)),
    (8, '1.5x'): (24, (576, 1152, 2304)),
    (8, '2.0x'): (48, (768, 1536, 3072)),
}
MEGVII_V2 = {
    '0.5x': ((48, 96, 192), 1024),
    '1.0x': ((116, 232, 464), 1024),
    '1.5x': ((176, 352, 704), 1024),
    '2.0x': ((244, 488, 976), 2048),
}
# Widths at which no permutation turns megvii's shuffle into the paper's.
UNPERMUTABLE = {(8, '0.5x'), (8, '1.0x'), (8, '1.5x')}
# Odd sides and even ones at every stride: some rules of padding agree on one kind.
SIZE = (65, 96)
FP64, FP32 = 1e-10, 1e-5
PYTORCHCV = [
    getattr(module, name)
    for module in (shufflenet, shufflenetv2, shufflenetv2b)
    for name in module.__all__
    if name[0].islower()
]
MINDCV = [name for name in mindcv.list_models() if name.startswith('shufflenet')]


def images(size=SIZE):
    return np.random.default_rng(1).standard_normal((2, 3, *size))


def check(publisher, weights, variant, tolerance, record):
    """Compare a publisher's network with ours on converted weights, and return these."""
    converted = convert(weights, 'openmmlab')
    ours = publishers.build_ours(converted)
    assert ours.provider == 'shufflenet_zoo'
    orders = channel_orders(weights.layout, converted.plan)
    expected = reordered(publisher(images()), orders)
    assert all(np.std(features) > 1e-2 for features in expected.values()), 'the weights carry no signal'
    differences = compare(expected, ours.forward(images()))
    assert max(differences.values()) <= tolerance, differences
    record(weights.layout.name, variant, max(differences.values()))
    return converted


def publisher_of(weights, provider):
    network = publishers.build(weights)
    assert network.provider == provider
    return network.forward


@pytest.mark.parametrize('width', ['0_5', '1_0', '1_5', '2_0'])
def test_torchvision(width, record):
    model = getattr(torchvision.models, f'shufflenet_v2_x{width}')(num_classes=10)
    weights = identify(state_of(model, dtype=np.float64))
    assert weights.layout.name == 'torchvision'
    check(publisher_of(weights, 'torchvision'), weights, f'V2 {width.replace("_", ".")}x', FP64, record)


@pytest.mark.parametrize('build', PYTORCHCV, ids=lambda build: build.__name__)
def test_pytorchcv(build, record):
    weights = identify(state_of(build(num_classes=10), dtype=np.float64))
    assert weights.layout.name == 'pytorchcv'
    check(publisher_of(weights, 'pytorchcv'), weights, build.__name__, FP64, record)


@pytest.mark.parametrize(
    ('family', 'arguments'),
    [
        *(('ShuffleNetV1', {'groups': groups}) for groups in (1, 2, 3, 4, 8)),
        *(
            ('ShuffleNetV1', {'groups': groups, 'widen_factor': width})
            for groups, width in ((1, 0.5), (2, 0.5), (2, 1.5), (3, 0.5), (3, 2.0), (8, 2.0))
        ),
        *(('ShuffleNetV2', {'widen_factor': width}) for width in (0.5, 1.0, 1.5, 2.0)),
    ],
    ids=str,
)
def test_mmpretrain(family, arguments, record):
    state = state_of(getattr(mmpretrain_backbones, family)(**arguments), dtype=np.float64)
    weights = identify({f'backbone.{name}': value for name, value in state.items()})
    variant = f'{family} {", ".join(f"{key}={value}" for key, value in arguments.items())}'
    check(publisher_of(weights, 'mmpretrain'), weights, variant, FP64, record)


@pytest.mark.parametrize('name', MINDCV)
def test_mindcv(name, record):
    weights = identify(state_of(mindcv.create_model(name, num_classes=10)))
    assert weights.layout.name == ('mindcv-single' if '_v1_' in name else 'mindcv')
    converted = check(publisher_of(weights, 'mindcv'), weights, name, FP32, record)
    assert converted.architecture['pool_padding'] == 'same'


@pytest.mark.parametrize(('groups', 'size'), MEGVII_V1, ids=str)
def test_megvii_v1(groups, size, record):
    model = MegviiNet(*MEGVII_V1[groups, size], 10, groups=groups)
    state = state_of(model, dtype=np.float64)
    # The release's checkpoints come from DataParallel.
    weights = identify({f'module.{name}': value for name, value in state.items()})
    converted = check(run_reference(model, state), weights, f'V1 g{groups} {size}', FP64, record)
    assert converted.architecture['shuffle_order'] == ('megvii' if (groups, size) in UNPERMUTABLE else 'paper')
    assert any('permut' in note for note in converted.notes)


@pytest.mark.parametrize('size', MEGVII_V2)
def test_megvii_v2(size, record):
    channels, last = MEGVII_V2[size]
    model = MegviiNet(24, channels, 10, last=last)
    state = state_of(model, dtype=np.float64)
    weights = identify(state)
    converted = check(run_reference(model, state), weights, f'V2 {size}', FP64, record)
    # At half the width a permutation makes it torchvision's network.
    assert converted.architecture['shuffle'] == ('interleave' if size == '0.5x' else 'even_odd')


def test_fastestdet(record):
    """Its backbone is megvii's V2 of half the width, up to the names of the units and what follows them."""
    model = MegviiNet(24, MEGVII_V2['0.5x'][0], 10)
    state = state_of(model, dtype=np.float64)
    starts = (0, 4, 12)
    named = {}
    for name, value in state.items():
        if name.startswith('features.'):
            _, index, rest = name.split('.', maxsplit=2)
            stage = sum(int(index) >= start for start in starts)
            name = f'stage{stage + 1}.{int(index) - starts[stage - 1]}.{rest}'
        if not name.startswith('classifier'):
            named[f'backbone.{name}'] = value
    weights = identify(named | {'fpn.conv.weight': np.zeros(1)})
    assert (weights.layout.name, weights.notes[-1]) == ('fastestdet', 'left out, not of the network: fpn.conv.weight')

    def run(batch):
        return {name: value for name, value in run_reference(model, state)(batch).items() if name != 'logits'}

    check(run, weights, 'V2 0.5x', FP64, record)


@pytest.mark.parametrize(
    ('layout', 'groups', 'size'),
    [
        *(('mindspore-tutorial', *variant) for variant in MEGVII_V1),
        # The same network but for the bias of its head.
        ('mindcv', 3, '0.5x'),
    ],
    ids=str,
)
def test_lists_of_convolutions(layout, groups, size, record):
    model = build_tutorial(*MEGVII_V1[groups, size], groups, 10, has_bias=layout == 'mindspore-tutorial')
    state = state_of(model)
    weights = identify(state)
    assert weights.layout.name == layout
    for name, parameter in model.parameters_and_names():
        parameter.set_data(Tensor(state[name]))
    names = ('stem', 'stage2', 'stage3', 'stage4', 'logits')

    def run(batch):
        outputs = model(Tensor(batch.astype(np.float32)))
        return {name: output.asnumpy() for name, output in zip(names, outputs, strict=True)}

    check(run, weights, f'V1 g{groups} {size}', FP32, record)


@pytest.mark.parametrize(
    ('build', 'layout'),
    [
        (torchvision.models.shufflenet_v2_x0_5, 'torchvision'),
        (shufflenet.shufflenet_g3_wd2, 'pytorchcv'),
        (shufflenetv2.shufflenetv2_wd2, 'pytorchcv'),
        (shufflenetv2b.shufflenetv2b_wd2, 'pytorchcv'),
    ],
    ids=lambda value: getattr(value, '__name__', ''),
)
def test_publishers_run_by_parts_give_their_own_logits(build, layout):
    """The stages compared above are those of the publisher's own forward pass."""
    model = build(num_classes=10).double().eval()
    state = state_of(model, dtype=np.float64)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    with torch.no_grad():
        whole = model(torch.from_numpy(images((224, 224)))).numpy()
    parts = publishers.build(identify(state)).forward(images((224, 224)))['logits']
    assert np.abs(parts - whole).max() <= 1e-12 * np.abs(whole).max()


def test_every_variant_of_the_publishers_is_here():
    offered = [
        name
        for name, build in inspect.getmembers(torchvision.models, inspect.isfunction)
        if name.startswith('shufflenet')
    ]
    assert len(offered) == 4
    assert len(PYTORCHCV) == 11 + 4 + 4
    assert len(MINDCV) == 8 + 4
