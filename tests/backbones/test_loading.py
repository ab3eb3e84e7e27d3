"""init_cfg=dict(type='Pretrained'): foreign layouts are converted, what does not load is named, nothing is silent."""

import logging

import numpy as np
import pytest
import torch
from helpers.layout_weights import make_weights
from helpers.signal import carry_signal
from mmengine.logging import MMLogger

from shufflenet_zoo.backbones import ShuffleNetV1, ShuffleNetV2, create_model
from shufflenet_zoo.backbones.loading import load_fitting, load_strictly
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import write_weights
from shufflenet_zoo.weights.convert import convert
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.recognise import identify

V1 = {'groups': 3, 'widen_factor': 0.5, 'stem_rule': 'megvii', 'out_indices': (0, 1, 2)}
V2 = {'widen_factor': 0.5, 'out_indices': (0, 1, 2, 3)}
MEGVII_V2 = {'widen_factor': 1.0, 'down_unit': 'keep', 'shuffle': 'even_odd', 'out_indices': (0, 1, 2, 3)}


@pytest.fixture
def log():
    """Messages of mmengine's current logger, with their levels."""
    records = []

    class Collector(logging.Handler):
        def emit(self, record):
            records.append((record.levelno, record.getMessage()))

    logger = MMLogger.get_current_instance()
    handler = Collector()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def save(path, state_dict, prefix='', **more):
    torch.save({'state_dict': {f'{prefix}{name}': value for name, value in state_dict.items()} | more}, path)
    return str(path)


def load(cls, path, prefix='backbone.', **arguments):
    backbone = cls(init_cfg={'type': 'Pretrained', 'checkpoint': str(path), 'prefix': prefix}, **arguments)
    backbone.init_weights()
    return backbone.eval()


def assert_same_features(ours, theirs, images=None):
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) if images is None else images
    with torch.no_grad():
        for mine, other in zip(ours(images), theirs(images), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4 * other.abs().max().item())


@pytest.mark.parametrize('cls, arguments', [(ShuffleNetV1, V1), (ShuffleNetV2, V2)])
def test_own_classifier(cls, arguments, tmp_path, log):
    source = carry_signal(cls(**arguments)).eval()
    path = save(tmp_path / 'own.pth', source.state_dict(), 'backbone.', **{'head.fc.weight': torch.zeros(10, 4)})
    loaded = load(cls, path, **arguments)
    for name, value in source.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    assert not [message for level, message in log if level >= logging.WARNING]
    assert any('not used: head.fc.weight' in message for _, message in log)


@pytest.mark.parametrize('name, cls', [('ShuffleNetV1', ShuffleNetV1), ('ShuffleNetV2', ShuffleNetV2)])
def test_mmpretrain(name, cls, tmp_path):
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    theirs = carry_signal(getattr(backbones, name)(widen_factor=0.5, out_indices=(0, 1, 2)))
    theirs.eval()
    path = save(tmp_path / 'theirs.pth', theirs.state_dict(), 'backbone.')
    assert_same_features(load(cls, path, widen_factor=0.5, out_indices=(0, 1, 2)), theirs)


def test_torchvision(tmp_path):
    models = pytest.importorskip('torchvision.models')
    theirs = carry_signal(models.shufflenet_v2_x0_5())
    theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / 'theirs.pth')
    ours = load(ShuffleNetV2, tmp_path / 'theirs.pth', widen_factor=0.5, out_indices=3)

    def features(images):
        x = theirs.maxpool(theirs.conv1(images))
        return [theirs.conv5(theirs.stage4(theirs.stage3(theirs.stage2(x))))]

    assert_same_features(ours, features)


def megvii_file(path, source, backbone):
    """Write the weights of one of our networks as megvii's release names them."""
    tensors = {name: value.numpy() for name, value in source.state_dict().items()}
    weights = convert(identify(tensors, backbone=backbone), 'megvii')
    torch.save(
        {'state_dict': {f'module.{name}': torch.from_numpy(value) for name, value in weights.tensors.items()}}, path
    )
    return path


def test_megvii_v2(tmp_path):
    arguments = {key: value for key, value in MEGVII_V2.items() if key != 'out_indices'}
    source = carry_signal(ShuffleNetV2(**MEGVII_V2)).eval()
    path = megvii_file(tmp_path / 'v2.pth', source, arguments | {'type': 'ShuffleNetV2'})
    assert_same_features(load(ShuffleNetV2, path, **MEGVII_V2), source)
    with pytest.raises(CheckpointError, match=r"v2\.pth.*down_unit='keep', shuffle='even_odd'"):
        load(ShuffleNetV2, path, widen_factor=1.0)


def test_megvii_v2_of_equal_shapes(tmp_path):
    """At 0.5x both units have the same shapes, and the shuffles differ all the same."""
    arguments = {'widen_factor': 0.5, 'down_unit': 'keep', 'shuffle': 'even_odd'}
    path = megvii_file(
        tmp_path / 'v2.pth', carry_signal(ShuffleNetV2(**arguments)), arguments | {'type': 'ShuffleNetV2'}
    )
    with pytest.raises(CheckpointError, match=r"v2\.pth.*computes with shuffle='even_odd'"):
        load(ShuffleNetV2, path, widen_factor=0.5)


def test_megvii_v1_into_the_papers_order(tmp_path):
    arguments = V1 | {'shuffle_order': 'megvii'}
    source = carry_signal(ShuffleNetV1(**arguments)).eval()
    told = {key: value for key, value in arguments.items() if key != 'out_indices'} | {'type': 'ShuffleNetV1'}
    path = megvii_file(tmp_path / 'v1.pth', source, told)
    assert_same_features(load(ShuffleNetV1, path, **V1), source)
    assert_same_features(load(ShuffleNetV1, path, **arguments), source)


def test_names_what_does_not_load(tmp_path, log):
    weights = ShuffleNetV2(**V2).state_dict()
    removed = weights.pop('layers.2.3.branch2.2.conv.weight')
    weights['layers.9.conv.weight'] = removed
    weights['layers.3.conv.weight'] = weights['layers.3.conv.weight'][:7]
    load(ShuffleNetV2, save(tmp_path / 'partial.pth', weights, 'backbone.'), **V2)
    (message,) = [message for level, message in log if level == logging.WARNING]
    assert 'partial.pth' in message
    assert 'not in the file: layers.2.3.branch2.2.conv.weight' in message
    assert 'not in the model: layers.9.conv.weight' in message
    assert 'of another shape: layers.3.conv.weight (7, 192, 1, 1) instead of (1024, 192, 1, 1)' in message


def test_another_width_is_named_and_the_rest_keeps_its_values(tmp_path, log):
    path = save(tmp_path / 'wide.pth', carry_signal(ShuffleNetV2(1.0)).state_dict(), 'backbone.')
    load(ShuffleNetV2, path, **V2)
    (message,) = [message for level, message in log if level == logging.WARNING]
    assert 'layers.0.0.branch1.1.conv.weight (58, 24, 1, 1) instead of (24, 24, 1, 1)' in message


@pytest.mark.parametrize('prefix', ['backbone.', 'neck.'])
def test_unknown_names_are_refused(prefix, tmp_path):
    path = save(tmp_path / 'own.pth', ShuffleNetV2(**V2).state_dict(), 'student.')
    with pytest.raises(CheckpointError, match=r'nothing of checkpoint .*own\.pth'):
        load(ShuffleNetV2, path, prefix, **V2)


def test_without_a_prefix_the_backbone_is_found(tmp_path, log):
    source = carry_signal(ShuffleNetV2(**V2)).eval()
    besides = {'neck.conv.weight': torch.zeros(1), 'optimizer': {'state': {}}}
    path = save(tmp_path / 'own.pth', source.state_dict(), 'model.student.', **besides)
    assert_same_features(load(ShuffleNetV2, path, None, **V2), source)
    assert any('left out, not of the backbone: neck.conv.weight' in message for _, message in log)


def test_wrong_prefix_of_a_known_layout_is_named(tmp_path):
    path = save(tmp_path / 'own.pth', ShuffleNetV2(**V2).state_dict(), 'backbone.')
    with pytest.raises(CheckpointError, match=r"prefix='neck\.', and it begins with backbone\.conv1"):
        load(ShuffleNetV2, path, 'neck.', **V2)


@pytest.mark.parametrize('prefix', ['backbone.', 'head.'])
def test_another_family_is_refused(prefix, tmp_path):
    path = save(tmp_path / 'v1.pth', ShuffleNetV1(groups=3).state_dict(), 'backbone.')
    with pytest.raises(CheckpointError, match=r'nothing of .*v1\.pth'):
        load(ShuffleNetV2, path, prefix)


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r'absent\.pth does not exist'):
        load(ShuffleNetV2, tmp_path / 'absent.pth', **V2)


def test_files_of_mindspore_and_of_others_load_into_whole_models(tmp_path):
    """Whatever the names in a file: strictly, fittingly and by init_cfg."""
    own = make_weights('openmmlab', {'type': 'ShuffleNetV2', 'widen_factor': 0.5})
    write_weights(tmp_path / 'described.ckpt', convert(own, 'mindspore'))
    write_weights(tmp_path / 'bare.ckpt', convert(own, 'mindspore'))
    (tmp_path / 'bare.ckpt.json').unlink()
    theirs = convert(own, 'torchvision').tensors
    torch.save(
        {'net': {f'model.{key}': torch.from_numpy(value) for key, value in theirs.items()}}, tmp_path / 'tv.ckpt'
    )
    for name in ('described', 'bare', 'tv'):
        path = tmp_path / f'{name}.ckpt'
        for load_into in (load_strictly, load_fitting):
            model = create_model('shufflenet_v2_0.5x', 7)
            load_into(model, fetch_checkpoint(path), path)
            state = model.state_dict()
            assert all(np.array_equal(state[own.prefix(key) + key], value) for key, value in own.tensors.items())
        state = load(ShuffleNetV2, path, **V2).state_dict()
        assert all(np.array_equal(state[key], value) for key, value in own.tensors.items() if key in state)
    with pytest.raises(CheckpointError, match=r"holds the weights of a backbone with .*pool_padding='symmetric'"):
        load_strictly(create_model('shufflenet_v2_0.5x', 7, pool_padding='same'), fetch_checkpoint(path), path)
    with pytest.raises(CheckpointError, match='no ShuffleNetV2 with'):
        load_strictly(create_model('shufflenet_v2_1.0x', 7), fetch_checkpoint(tmp_path / 'bare.ckpt'), path)
