"""Classifiers by name: mmpretrain's to the bit, and weights that fit exactly."""

import pytest
import torch
from helpers.compare import difference
from helpers.factories import WRONG_ARGUMENTS
from helpers.signal import carry_signal
from mmpretrain.models import build_classifier as build_peer

from shufflenet_zoo.arch.variants import get_variant
from shufflenet_zoo.backbones import create_model, to_deploy
from shufflenet_zoo.backbones.classifier import ClassifierWithFeatures
from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.weights.description import KEY, Description

IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
# Our own backbones in mmpretrain's classifier, and mmpretrain's own.
PEERS = {
    'shufflenet_v1_g3_1.0x': ({'type': 'mmpretrain.ShuffleNetV1', 'groups': 3}, 960),
    'shufflenet_v2_0.5x': ({'type': 'mmpretrain.ShuffleNetV2', 'widen_factor': 0.5}, 1024),
    'shufflenet_v1_g8_0.5x': (get_variant('shufflenet_v1_g8_0.5x').backbone, 768),
    'shufflenet_v2_megvii_0.5x': (get_variant('shufflenet_v2_megvii_0.5x').backbone, 1024),
}


@pytest.mark.parametrize('name', PEERS)
@torch.no_grad()
def test_it_is_the_classifier_that_mmpretrain_builds(name):
    backbone, channels = PEERS[name]
    torch.manual_seed(0)
    peer = build_peer(
        {
            'type': 'ImageClassifier',
            'backbone': backbone,
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {'type': 'LinearClsHead', 'num_classes': 10, 'in_channels': channels},
        }
    )
    peer.init_weights()
    torch.manual_seed(0)
    model = create_model(name, num_classes=10)
    ours, theirs = model.state_dict(), peer.state_dict()
    assert list(ours) == list(theirs)
    # With the same seed it even begins with the same weights; mmpretrain's V2 forgets the norms' 0.0001.
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if not key.endswith('bn.bias'))
    model.load_state_dict(carry_signal(peer).state_dict())
    expected = peer.eval().head(peer.extract_feat(IMAGES))
    assert torch.equal(model.eval()(IMAGES), expected)
    assert expected.std() > 1e-2


@torch.no_grad()
def test_features_beside_the_logits():
    model = create_model('shufflenet_v2_0.5x', 10, out_indices=('stem', 1, 3)).eval()
    outputs = ClassifierWithFeatures(model.backbone, model.neck, model.head)(IMAGES)
    for found, expected in zip(outputs, (*model.backbone(IMAGES), model(IMAGES)), strict=True):
        assert torch.equal(found, expected)


@torch.no_grad()
@pytest.mark.parametrize('name', ['shufflenet_v1_g3_0.5x', 'shufflenet_v2_megvii_0.5x'])
def test_models_have_the_classes_and_channels_asked_for_and_a_deploy_form(name):
    model = carry_signal(create_model(name, num_classes=7, in_channels=4)).eval()
    images = torch.cat((IMAGES, IMAGES[:, :1]), 1)
    logits = model(images)
    assert logits.shape == (2, 7)
    assert difference([to_deploy(model)(images)], [logits]) <= 1e-5


def test_backbone_arguments_can_be_replaced():
    model = create_model('shufflenet_v2_0.5x', 10, small_stem=True, last_channels=64)
    assert model.backbone.out_channels == (64,)
    assert model.head.fc.weight.shape == (10, 64)


def test_pretrained_weights(tmp_path):
    path = tmp_path / 'weights.pth'
    saved = create_model('shufflenet_v2_0.5x', num_classes=4)
    torch.save(saved.state_dict(), path)
    loaded = create_model('shufflenet_v2_0.5x', num_classes=4, pretrained=path).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in saved.state_dict().items())
    assert create_model('shufflenet_v2_0.5x', pretrained=path).head.fc.out_features == 4
    with pytest.raises(CheckpointError, match='the weights are of ShuffleNetV2'):
        create_model('shufflenet_v1_g3_0.5x', num_classes=4, pretrained=path)
    with pytest.raises(CheckpointError, match='no ShuffleNetV2 with widen_factor=1.0.* has a stem of 24 channels'):
        create_model('shufflenet_v2_1.0x', num_classes=4, pretrained=path)
    with pytest.raises(CheckpointError, match='does not exist'):
        create_model('shufflenet_v2_0.5x', pretrained=str(tmp_path / 'absent.pth'))


def test_weights_of_another_wiring_are_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    saved = create_model('shufflenet_v1_g3_0.5x', num_classes=4, shuffle_order='megvii')
    said = Description(saved.backbone.architecture).as_dict()
    torch.save({'meta': {KEY: said}, 'state_dict': saved.state_dict()}, path)
    with pytest.raises(CheckpointError, match="shuffle_order='megvii'"):
        create_model('shufflenet_v1_g3_0.5x', num_classes=4, pretrained=path)
    create_model('shufflenet_v1_g3_0.5x', num_classes=4, pretrained=path, shuffle_order='megvii')


def test_another_number_of_classes_keeps_the_backbone_and_says_so(tmp_path, caplog):
    path = tmp_path / 'weights.pth'
    saved = create_model('shufflenet_v2_0.5x', num_classes=4)
    torch.save(saved.state_dict(), path)
    loaded = create_model('shufflenet_v2_0.5x', num_classes=9, pretrained=path)
    assert 'has a head for 4 classes; the head for 9 classes is new' in caplog.text
    assert loaded.head.fc.out_features == 9
    ours, theirs = loaded.backbone.state_dict(), saved.backbone.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@torch.no_grad()
@pytest.mark.parametrize('name', ['shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x', 'shufflenet_v2_50'])
def test_features_only(name):
    backbone = create_model(name, features_only=True).eval()
    maps = backbone(IMAGES)
    assert len(maps) == len(backbone.plan.stages)
    for found, info in zip(maps, backbone.feature_info, strict=True):
        assert found.shape == (2, info.channels, 64 // info.stride, 96 // info.stride)
    assert [info.index for info in create_model(name, features_only=True, out_indices=(1,)).feature_info] == [1]


@pytest.mark.parametrize(('arguments', 'options', 'message'), WRONG_ARGUMENTS)
def test_wrong_arguments_are_refused(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        create_model(*arguments, **options)
