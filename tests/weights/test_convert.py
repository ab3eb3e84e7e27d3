"""Conversion of bare tensors: round trips, recognition, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.layout_weights import make_weights

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.equivalence import verify_conversion
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import Weights, convert, identify
from shufflenet_zoo.weights.layouts import LAYOUT_NAMES, LAYOUTS

MEGVII_STEMS = {(groups, 1.5): {'stem_rule': 'megvii'} for groups in (3, 8)} | {(8, 0.5): {'stem_rule': 'megvii'}}
V1_VARIANTS = [
    {'type': 'ShuffleNetV1', 'groups': groups, 'widen_factor': width, **MEGVII_STEMS.get((groups, width), {})}
    for groups, width in ((1, 0.5), (2, 1.0), (3, 0.5), (3, 1.5), (4, 1.0), (8, 0.5), (8, 2.0))
]
# Eight groups at half the width keep megvii's shuffle; the others have a permutation.
QUICK = [variant for variant in V1_VARIANTS if (variant['groups'], variant['widen_factor']) in ((3, 0.5), (8, 0.5))]
V2_VARIANTS = [{'type': 'ShuffleNetV2', 'widen_factor': width} for width in (0.5, 1.0)]
QUICK += V2_VARIANTS


def sources():
    """Every layout with variants that it can express."""
    for layout in LAYOUTS:
        for variant in V1_VARIANTS if layout.family == 'ShuffleNetV1' else V2_VARIANTS:
            backbone = variant | dict(layout.options)
            name = f'{layout.name}-{"-".join(map(str, backbone.values()))}'
            yield pytest.param(layout.name, backbone, id=name, marks=() if variant in QUICK else pytest.mark.slow)


def identical(first, second):
    """Whether two dicts of arrays are equal to the bit."""
    assert first.keys() == second.keys()
    return all(
        first[key].dtype == second[key].dtype
        and first[key].tobytes() == second[key].tobytes()
        and first[key].shape == second[key].shape
        for key in first
    )


@pytest.mark.parametrize(('layout', 'backbone'), list(sources()))
def test_round_trips_are_bit_exact(layout, backbone):
    weights = make_weights(layout, backbone)
    if not weights.layout.head_bias:
        assert f'{weights.layout.head}.bias' not in weights.tensors
    reached = []
    for target in LAYOUT_NAMES:
        try:
            there = convert(weights, target)
        except CheckpointError as error:
            assert 'cannot express' in str(error) or 'has no Shuffle' in str(error) or 'without bias' in str(error)
            continue
        reached.append(target)
        # The way back starts from what a file would hold: tensors, layout, backbone.
        again = identify(there.tensors, target, {'type': there.architecture.family, **there.architecture})
        assert again.architecture == there.architecture
        assert identical(convert(again, layout).tensors, weights.tensors), target
    assert {layout, 'openmmlab', 'mindspore'} <= set(reached)


def test_foreign_layouts_reach_one_another():
    """megvii's three groups become pytorchcv's, through the paper's shuffle and reversed channels."""
    weights = make_weights(
        'megvii', {'type': 'ShuffleNetV1', 'groups': 3, 'widen_factor': 0.5, 'shuffle_order': 'megvii'}
    )
    there = convert(weights, 'pytorchcv')
    assert verify_conversion(weights, there).largest < 1e-10
    assert identical(convert(there, 'megvii').tensors, weights.tensors)


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64', 'bfloat16'])
def test_types_are_kept(dtype):
    import ml_dtypes

    kind = np.dtype(ml_dtypes.bfloat16) if dtype == 'bfloat16' else np.dtype(dtype)
    weights = make_weights('pytorchcv', {'type': 'ShuffleNetV1', 'groups': 3, 'widen_factor': 0.5}, dtype=kind)
    there = convert(weights, 'mindspore')
    assert {array.dtype for array in there.tensors.values()} == {kind}
    assert identical(convert(there, 'pytorchcv').tensors, weights.tensors)


@pytest.mark.parametrize('prefixes', ['module.', 'model.', 'module.backbone.', ''])
def test_prefixes_are_taken_off(prefixes):
    weights = make_weights('openmmlab', {'type': 'ShuffleNetV1', 'groups': 3, 'widen_factor': 0.5})
    bare = {prefixes + key: value for key, value in weights.tensors.items()}
    assert identical(dict(identify(bare).tensors), weights.tensors)


def test_a_classifier_has_its_prefix_on_the_backbone_alone():
    weights = make_weights('mindspore', {'type': 'ShuffleNetV2', 'widen_factor': 0.5})
    named = {weights.prefix(key) + key: value for key, value in weights.tensors.items()}
    assert 'head.fc.weight' in named
    assert 'backbone.conv1.conv.weight' in named
    assert identical(dict(identify({f'module.{key}': value for key, value in named.items()}).tensors), weights.tensors)


def test_a_network_is_found_behind_any_prefix_and_the_rest_is_named():
    tensors = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors
    named = {f'model.net.{key}': value for key, value in tensors.items()}
    besides = dict.fromkeys(('model.loss.a', 'model.loss.b', 'criterion.weight', 'n_averaged'), np.zeros(1))
    found = identify(named | besides)
    assert identical(dict(found.tensors), tensors)
    assert found.notes == ('left out, not of the network: model.loss.* (2 tensors), criterion.weight',)


def test_a_head_within_and_beside_a_backbone_is_refused():
    tensors = make_weights('openmmlab', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors
    named = {key if key.startswith('head.') else f'backbone.{key}': value for key, value in tensors.items()}
    assert identical(dict(identify(named).tensors), tensors)
    with pytest.raises(CheckpointError, match=r"head\.fc\.bias is there twice, behind 'backbone\.' and ''"):
        identify(named | {'backbone.head.fc.bias': np.zeros(7)})


def test_one_of_several_networks_is_chosen_by_its_prefix():
    student = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors
    teacher = make_weights('openmmlab', {'type': 'ShuffleNetV1', 'widen_factor': 0.5}).tensors
    both = {f'a.student.{key}': value for key, value in student.items()}
    both |= {f'teacher.backbone.{key}' if 'head' not in key else f'teacher.{key}': v for key, v in teacher.items()}
    with pytest.raises(
        CheckpointError, match=r'behind a\.student\. \(torch.*teacher\.backbone\. \(openmmlab\); choose'
    ):
        identify(both)
    with pytest.raises(CheckpointError, match=r"begin with 'student'; there are those behind a\.student"):
        identify(both, prefix='student')
    for prefix in ('a', 'a.student', 'a.student.'):
        assert identical(dict(identify(both, prefix=prefix).tensors), student)
    found = identify(both, prefix='teacher')
    assert identical(dict(found.tensors), teacher)
    assert found.notes[-1].startswith('left out, not of the network: a.* (')


def test_paddleclas_names_the_network_of_torchvision():
    """By a list of names of its own, and with the classifier's matrix transposed."""
    units = {
        'branch2.0': '_conv_pw{}._conv', 'branch2.1': '_conv_pw{}._batch_norm',
        'branch2.3': '_conv_dw{}._conv', 'branch2.4': '_conv_dw{}._batch_norm',
        'branch2.5': '_conv_linear{}._conv', 'branch2.6': '_conv_linear{}._batch_norm',
        'branch1.0': '_conv_dw_1._conv', 'branch1.1': '_conv_dw_1._batch_norm',
        'branch1.2': '_conv_linear_1._conv', 'branch1.3': '_conv_linear_1._batch_norm',
    }  # fmt: skip
    ends = {'conv1': '_conv1', 'conv5': '_last_conv'}
    theirs = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5})
    named = {'_fc.weight': theirs.tensors['fc.weight'].T, '_fc.bias': theirs.tensors['fc.bias']}
    for key, value in theirs.tensors.items():
        module, _, word = key.rpartition('.')
        word = {'running_mean': '_mean', 'running_var': '_variance'}.get(word, word)
        if key.startswith('stage'):
            stage, unit, rest = module.split('.', maxsplit=2)
            inner = units[rest].format('' if int(unit) else '_2')
            named[f'{stage[-1]}_{int(unit) + 1}.{inner}.{word}'] = value
        elif key.startswith('conv'):
            end, _, position = module.partition('.')
            named[f'{ends[end]}.{("_conv", "_batch_norm")[int(position)]}.{word}'] = value
    named = {key: value for key, value in named.items() if 'num_batches' not in key}
    found = identify(named)
    assert found.layout.name == 'paddleclas'
    assert identical(convert(found, 'mindspore').tensors, convert(theirs, 'mindspore').tensors)


@pytest.mark.parametrize('layout', ['torchvision', 'openmmlab'])
def test_a_backbone_is_taken_without_what_is_not_its_own(layout):
    tensors = make_weights(layout, {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors
    backbone = {key: value for key, value in tensors.items() if not key.startswith(('fc', 'head'))}
    extra = {'fc.1.weight': np.zeros((2, 1)), 'fc.1.bias': np.zeros(2)}
    with pytest.raises(CheckpointError, match=r'2 tensors left over.*; --part backbone leaves out'):
        convert(identify(backbone | extra), 'openmmlab')
    found = identify(backbone | extra, part='backbone')
    assert identical(dict(found.tensors), backbone)
    assert found.notes[-1] == 'left out, not of the backbone: fc.* (2 tensors)'
    found = identify(tensors, part='backbone')
    assert identical(dict(found.tensors), backbone)
    assert 'left out' in found.notes[-1] and 'there is no classifier in it' in found.notes


@pytest.mark.parametrize('parts', [('backbone',), ('backbone', 'last_conv')])
@pytest.mark.parametrize('layout', ['torchvision', 'megvii', 'openmmlab'])
def test_partial_backbones_stay_partial(layout, parts):
    options = {'down_unit': 'keep', 'shuffle': 'even_odd'} if layout == 'megvii' else {}
    weights = make_weights(layout, {'type': 'ShuffleNetV2', 'widen_factor': 1.0} | options, parts=parts)
    known = {'shuffle': options['shuffle']} if options else None
    there = convert(identify(weights.tensors, backbone=known), 'mindspore')
    assert ('layers.3.conv.weight' in there.tensors) == ('last_conv' in parts)
    assert not any(key.startswith('head') for key in there.tensors)
    assert identical(convert(there, layout).tensors, weights.tensors)
    assert verify_conversion(weights, convert(weights, 'openmmlab')).largest < 1e-10


def test_a_head_without_last_convolution_is_refused():
    weights = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}, parts=('backbone', 'head.fc'))
    with pytest.raises(CheckpointError, match='no last convolution'):
        convert(weights, 'openmmlab')


def test_slopes_of_prelu_change_their_name_for_mindspore():
    weights = make_weights('openmmlab', {'type': 'ShuffleNetV1', 'groups': 3, 'widen_factor': 0.5})
    for name, slope in (('conv1.activate', 0.1), ('layers.0.0.act', 0.2)):
        weights.tensors[f'{name}.weight'] = np.full(1, slope, np.float32)
    there = convert(weights, 'mindspore')
    assert there.tensors['conv1.activate.w'] == np.float32(0.1)
    assert there.tensors['layers.0.0.act.w'] == np.float32(0.2)
    with pytest.raises(CheckpointError, match='no place for .*act'):
        convert(weights, 'pytorchcv')


def test_counters_are_dropped_restored_and_kept():
    weights = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5})
    counters = [key for key in weights.tensors if key.endswith('num_batches_tracked')]
    for key in counters:
        weights.tensors[key] = np.array(5)
    assert all(array == 5 for key, array in convert(weights, 'openmmlab').tensors.items() if 'num_batches' in key)
    there = convert(weights, 'mindspore')
    assert not any('num_batches' in key for key in there.tensors)
    back = convert(there, 'torchvision')
    assert all(back.tensors[key] == 0 and back.tensors[key].shape == () for key in counters)


def test_the_head_has_a_zero_bias_and_no_other():
    weights = make_weights('megvii', {'type': 'ShuffleNetV1', 'groups': 3, 'shuffle_order': 'megvii'})
    there = convert(weights, 'openmmlab')
    np.testing.assert_array_equal(there.tensors['head.fc.bias'], np.zeros(7))
    there.tensors['head.fc.bias'] = np.full(7, 0.5, np.float32)
    with pytest.raises(CheckpointError, match='without bias'):
        convert(there, 'megvii')


@pytest.mark.parametrize(
    ('source', 'backbone', 'target', 'told'),
    [
        (
            'torchvision',
            {'type': 'ShuffleNetV2', 'widen_factor': 1.0},
            'megvii',
            ["down_unit='halves'", "shuffle='inter"],
        ),
        (
            'megvii',
            {'type': 'ShuffleNetV2', 'down_unit': 'keep', 'shuffle': 'even_odd'},
            'torchvision',
            ["down_unit='keep'", "shuffle='even_odd'"],
        ),
        ('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 1.0}, 'pytorchcv', ["pool_padding='symmetric'"]),
        ('megvii', {'type': 'ShuffleNetV1', 'shuffle_order': 'megvii'}, 'mindcv', ["pool_padding='symmetric'"]),
        (
            'megvii',
            {'type': 'ShuffleNetV2', 'down_unit': 'keep', 'shuffle': 'even_odd'},
            'pytorchcv',
            ['no permutation', "shuffle='even_odd'"],
        ),
        ('pytorchcv', {'type': 'ShuffleNetV1', 'groups': 8}, 'megvii', ['no permutation', "shuffle_order='paper'"]),
        ('openmmlab', {'type': 'ShuffleNetV1', 'small_stem': True}, 'pytorchcv', ['small_stem=True']),
        ('openmmlab', {'type': 'ShuffleNetV2', 'depth': 50}, 'torchvision', ['depth=50']),
        ('openmmlab', {'type': 'ShuffleNetV2', 'se': True}, 'torchvision', ['se=True']),
        ('openmmlab', {'type': 'ShuffleNetV2', 'in_channels': 1}, 'torchvision', ['in_channels=1']),
        ('openmmlab', {'type': 'ShuffleNetV1'}, 'torchvision', ['no ShuffleNetV1']),
    ],
)
def test_what_a_layout_cannot_express_is_refused_with_the_options(source, backbone, target, told):
    with pytest.raises(CheckpointError) as caught:
        convert(make_weights(source, backbone), target)
    message = str(caught.value)
    assert '\n' not in message
    for text in (*told, 'openmmlab, mindspore'):
        assert text in message


@pytest.mark.parametrize(
    ('source', 'options', 'target'),
    [
        ('torchvision', {}, 'megvii'),
        ('torchvision', {}, 'pytorchcv'),
        ('megvii', {'down_unit': 'keep', 'shuffle': 'even_odd'}, 'torchvision'),
        ('megvii', {'down_unit': 'keep', 'shuffle': 'even_odd'}, 'pytorchcv'),
    ],
)
def test_half_width_v2_is_one_network_everywhere(source, options, target):
    """At 0.5x both stride-2 units have the same widths, and a permutation turns one shuffle into the other."""
    weights = make_weights(source, {'type': 'ShuffleNetV2', 'widen_factor': 0.5} | options)
    weights.tensors.get('fc.bias', np.zeros(1))[:] = 0
    there = convert(weights, target)
    assert verify_conversion(weights, there).largest < 1e-10
    back = convert(there, source)
    assert identical(back.tensors, weights.tensors)
    assert not weights.architecture.difference(back.architecture)


@pytest.mark.parametrize(
    ('layout', 'backbone'),
    [
        *(
            ('openmmlab', {'type': 'ShuffleNetV1', 'groups': groups, 'widen_factor': width})
            for groups, width in ((1, 0.25), (3, 0.5), (8, 1.0), (4, 2.0))
        ),
        ('openmmlab', {'type': 'ShuffleNetV1', 'groups': 3, 'widen_factor': 0.75, 'width_rule': 'paper'}),
        (
            'megvii',
            {
                'type': 'ShuffleNetV1',
                'groups': 8,
                'widen_factor': 0.5,
                'stem_rule': 'megvii',
                'shuffle_order': 'megvii',
            },
        ),
        ('mindspore', {'type': 'ShuffleNetV1', 'groups': 3, 'in_channels': 1}),
        *(('mindspore', {'type': 'ShuffleNetV2', 'widen_factor': width}) for width in (0.25, 0.33, 0.5, 1.0, 1.5, 2.0)),
        ('openmmlab', {'type': 'ShuffleNetV2', 'last_channels': 1553, 'extra_depthwise': True}),
        ('openmmlab', {'type': 'ShuffleNetV2', 'depth': 50, 'se': True}),
        ('openmmlab', {'type': 'ShuffleNetV2', 'depth': 164}),
    ],
    ids=str,
)
def test_backbone_arguments_are_inferred_from_shapes(layout, backbone):
    found = identify(make_weights(layout, backbone).tensors)
    assert found.layout.name == layout
    assert not found.architecture.difference(Architecture.of(backbone))
    assert convert(found, 'openmmlab').tensors.keys()


def test_unusual_widths_are_inferred_or_can_be_given():
    backbone = {'type': 'ShuffleNetV1', 'groups': 1, 'widen_factor': 0.6}
    weights = make_weights('openmmlab', backbone)
    assert identify(weights.tensors, backbone={'widen_factor': 0.6}).plan == weights.plan


def test_our_layouts_say_what_weights_do_not_show():
    weights = make_weights('openmmlab', {'type': 'ShuffleNetV1', 'widen_factor': 0.5})
    assert "shuffle_order='paper'" in identify(weights.tensors).notes[0]
    assert not identify(weights.tensors, backbone={'type': 'ShuffleNetV1'}).notes


def test_an_undecidable_shuffle_must_be_given():
    backbone = {'type': 'ShuffleNetV2', 'down_unit': 'keep', 'shuffle': 'even_odd'}
    tensors = make_weights('openmmlab', backbone).tensors
    with pytest.raises(CheckpointError, match="shuffle='even_odd'"):
        identify(tensors)
    assert identify(tensors, backbone={'shuffle': 'even_odd'}).architecture['down_unit'] == 'keep'


def test_arguments_that_contradict_layout_or_shapes_are_refused():
    weights = make_weights('pytorchcv', {'type': 'ShuffleNetV1', 'widen_factor': 0.5})
    for wrong in (
        {'shuffle_order': 'megvii'},
        {'widen_factor': 1.0},
        {'groups': 1},
        {'type': 'ShuffleNetV2'},
        {'in_channels': 1},
    ):
        with pytest.raises(CheckpointError):
            convert(identify(weights.tensors, backbone=wrong), 'openmmlab')


def test_foreign_names_are_told_the_nearest_layout():
    with pytest.raises(CheckpointError, match=r'layer1\.0\.conv1\.weight; known layouts are openmmlab'):
        identify({'layer1.0.conv1.weight': np.zeros((1, 1, 1, 1))})
    tensors = make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors
    cut = {f'model.net.{key}': value for key, value in tensors.items() if not key.startswith('conv1')}
    with pytest.raises(CheckpointError, match=r"nearest is 'torchvision' .* 275 names behind 'model\.net\.', but c"):
        identify(cut)
    with pytest.raises(CheckpointError, match=r"not those of layout 'pytorchcv', but of torchvision"):
        identify(tensors, 'pytorchcv')
    with pytest.raises(CheckpointError, match='no weights'):
        identify({})
    with pytest.raises(CheckpointError, match="layout 'foo' is unknown"):
        identify({'a': np.zeros(1)}, 'foo')


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda t: t.pop('stage2.0.branch1.0.weight'), 'stage2.0.branch1.0.weight'),
        (lambda t: t.pop('stage4.3.branch2.6.running_var'), '1 tensor missing (stage4.3.branch2.6.running_var)'),
        (lambda t: t.update(extra=np.zeros(3, np.float32)), '1 tensor left over (extra)'),
        (lambda t: t.update({'fc.weight': t['fc.weight'][:, 1:]}), 'fc.weight (7, 1023) instead of (7, 1024)'),
        (lambda t: t.update({'fc.weight': np.float32(1)}), 'fc.weight () instead of (0, 1024)'),
        (lambda t: t.pop('fc.weight'), 'fc.weight'),
        (lambda t: t.update({'conv1.1.bias': t['conv1.1.bias'][1:]}), 'conv1.1.bias (23,) instead of (24,)'),
        (lambda t: t.update({'stage3.1.branch2.3.weight': t['stage3.1.branch2.3.weight'][..., 0]}), 'of another shape'),
        (lambda t: t.update({'fc.bias': t['fc.bias'].astype(np.int32)}), 'fc.bias is of type int32'),
        (lambda t: t['fc.bias'].__setitem__(0, np.nan), 'fc.bias has values that are not finite'),
        (lambda t: t['conv1.0.weight'].__setitem__(0, np.inf), 'conv1.0.weight has values that are not finite'),
    ],
)
def test_wrong_tensors_are_refused_by_name(change, told):
    tensors = dict(make_weights('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}).tensors)
    change(tensors)
    with pytest.raises(CheckpointError) as caught:
        convert(identify(tensors), 'openmmlab')
    assert told in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('layout', 'backbone', 'mutation'),
    [
        (
            'megvii',
            {'type': 'ShuffleNetV1', 'widen_factor': 0.5, 'shuffle_order': 'megvii'},
            {'shuffle_order': 'paper'},
        ),
        ('megvii', {'type': 'ShuffleNetV1', 'groups': 2, 'shuffle_order': 'megvii'}, {'shuffle_order': 'paper'}),
        ('pytorchcv', {'type': 'ShuffleNetV1', 'widen_factor': 0.5}, {'early_shuffle': False}),
        ('pytorchcv', {'type': 'ShuffleNetV1', 'widen_factor': 0.5}, {'reversed': False}),
        (
            'pytorchcv',
            {'type': 'ShuffleNetV2', 'widen_factor': 0.5, 'pool_padding': 'ceil'},
            {'pool_padding': 'symmetric'},
        ),
        ('torchvision', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}, {'shuffle': 'even_odd'}),
        (
            'mindcv',
            {'type': 'ShuffleNetV2', 'widen_factor': 0.5, 'shuffle': 'even_odd', 'pool_padding': 'same'},
            {'pool_padding': 'symmetric'},
        ),
    ],
    ids=str,
)
def test_verification_notices_a_wrongly_declared_layout(layout, backbone, mutation):
    weights = make_weights(layout, backbone)
    assert verify_conversion(weights, convert(weights, 'openmmlab')).largest < 1e-5
    fields = {key: value for key, value in mutation.items() if key in ('early_shuffle', 'reversed')}
    options = {key: value for key, value in mutation.items() if key not in fields}
    wrong = replace(weights.layout, options=weights.layout.options | options, **fields)
    converted = convert(Weights(wrong, weights.architecture.replaced(options), weights.tensors), 'openmmlab')
    with pytest.raises(CheckpointError, match='computes something else'):
        verify_conversion(weights, converted)


@pytest.mark.parametrize('broken', ['no permutation', 'one swapped channel', 'one changed shift'])
def test_verification_notices_wrong_tensors(broken, monkeypatch):
    weights = make_weights('megvii', {'type': 'ShuffleNetV1', 'widen_factor': 0.5, 'shuffle_order': 'megvii'})
    if broken == 'no permutation':
        monkeypatch.setattr('shufflenet_zoo.weights.layouts.conv_index', lambda groups, inputs, outputs: None)
    converted = convert(weights, 'openmmlab')
    if broken == 'one swapped channel':
        depthwise = converted.tensors['layers.1.2.depthwise_conv3x3_bn.conv.weight']
        depthwise[[3, 4]] = depthwise[[4, 3]]
    elif broken == 'one changed shift':
        converted.tensors['layers.2.3.g_conv_1x1_expand.bn.bias'][5] += 1e-4
    with pytest.raises(CheckpointError, match='computes something else'):
        verify_conversion(weights, converted)
