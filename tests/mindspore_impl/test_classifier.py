"""Classifiers of configs: the same logits and losses as mmpretrain's, and nothing dropped."""

import copy

import mindspore as ms
import numpy as np
import pytest
import torch
from helpers.compare import difference
from helpers.networks import V1, V2
from helpers.signal import carry_signal
from helpers.twins import copy_weights
from mindspore import nn
from mmpretrain.models import build_classifier as build_peer
from mmpretrain.registry import MODELS as PEERS

from shufflenet_zoo.errors import CheckpointError, ConfigError
from shufflenet_zoo.mindspore_impl.checkpoint import save_weights
from shufflenet_zoo.mindspore_impl.classifier import build_classifier
from shufflenet_zoo.mindspore_impl.losses import CrossEntropyLoss, LabelSmoothLoss

CHANNELS = {'ShuffleNetV1': 480, 'ShuffleNetV2': 1024}
SMOOTH = {'type': 'LabelSmoothLoss', 'label_smooth_val': 0.1, 'mode': 'original'}


def config(backbone: dict = V2, **head) -> dict:
    channels = CHANNELS[backbone['type'].rpartition('.')[2]]
    return {
        'type': 'ImageClassifier',
        'backbone': backbone,
        'neck': {'type': 'GlobalAveragePooling'},
        'head': {'type': 'LinearClsHead', 'num_classes': 10, 'in_channels': channels, 'topk': (1, 5), **head},
    }


def logits_and_labels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 3 * rng.standard_normal((6, 10)).astype(np.float32), rng.integers(0, 10, 6).astype(np.int32)


@pytest.mark.parametrize('backbone', [V1, V2 | {'out_indices': (0, 3)}], ids=['v1', 'v2'])
def test_logits_equal_mmpretrain(backbone):
    peer = carry_signal(build_peer(config(backbone))).eval()
    classifier, _ = build_classifier(config(backbone))
    copy_weights(peer, classifier)
    x = np.random.default_rng(0).standard_normal((3, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = peer.head(peer.extract_feat(torch.tensor(x))).numpy()
    found = classifier.set_train(False)(ms.Tensor(x)).asnumpy()
    assert difference([found], [expected]) <= 1e-5
    assert expected.std() > 1e-2


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
def test_pooling_leaves_channels_out_in_training_only(backend):
    """What is left is scaled, so that the mean stays."""
    section = {'type': 'shufflenet_zoo.GlobalAveragePooling', 'dropout': 0.2}
    features = np.full((4, 1000, 2, 2), 3.0, np.float32)
    if backend == 'torch':
        neck = PEERS.build(section)
        trained, tested = ((neck.train(mode)((torch.tensor(features),))[0].numpy()) for mode in (True, False))
    else:
        neck = build_classifier({**config(), 'neck': section})[0].neck
        trained, tested = (neck.set_train(mode)((ms.Tensor(features),))[0].asnumpy() for mode in (True, False))
    np.testing.assert_allclose(tested, np.full((4, 1000), 3.0))
    np.testing.assert_allclose(np.unique(trained), [0, 3.75])
    assert 0.15 < (trained == 0).mean() < 0.25


@pytest.mark.parametrize(
    'cfg',
    [
        {'type': 'CrossEntropyLoss'},
        {'type': 'CrossEntropyLoss', 'loss_weight': 0.5},
        {'type': 'CrossEntropyLoss', 'class_weight': [0.1 * i for i in range(10)]},
        SMOOTH,
        SMOOTH | {'mode': 'classy_vision', 'loss_weight': 2.0},
        SMOOTH | {'num_classes': 10, 'class_weight': [0.1 * i for i in range(10)]},
    ],
    ids=str,
)
def test_losses_equal_mmpretrain(cfg):
    logits, labels = logits_and_labels()
    _, loss = build_classifier(config(loss=cfg))
    expected = PEERS.build(cfg)(torch.tensor(logits), torch.tensor(labels).long(), avg_factor=len(labels))
    assert loss(ms.Tensor(logits), ms.Tensor(labels)).asnumpy() == pytest.approx(expected.item(), rel=1e-5)


def test_losses_take_the_share_of_every_class():
    logits, labels = logits_and_labels()
    one_hot = np.eye(10, dtype=np.float32)[labels]
    for loss in (CrossEntropyLoss(), LabelSmoothLoss(0.1)):
        by_class = loss(ms.Tensor(logits), ms.Tensor(labels)).asnumpy()
        assert loss(ms.Tensor(logits), ms.Tensor(one_hot)).asnumpy() == pytest.approx(by_class, rel=1e-6)
    mixed = 0.3 * one_hot + 0.7 * one_hot[::-1]
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(mixed)).item()
    assert CrossEntropyLoss()(ms.Tensor(logits), ms.Tensor(mixed)).asnumpy() == pytest.approx(expected, rel=1e-5)


def test_defaults_are_those_of_mmpretrain():
    _, loss = build_classifier(config())
    assert isinstance(loss, CrossEntropyLoss)
    classifier, _ = build_classifier(
        config(in_channels='auto', init_cfg={'type': 'Normal', 'layer': 'Linear', 'std': 0.5})
    )
    assert classifier.head.fc.weight.shape == (10, 1024)
    assert classifier.head.fc.weight.asnumpy().std() == pytest.approx(0.5, rel=0.1)
    assert not classifier.head.fc.bias.asnumpy().any()


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('type', 'TimmClassifier'),
        ('train_cfg', {'augments': [{'type': 'Mixup', 'alpha': 0.2}]}),
        ('init_cfg', {'type': 'Kaiming'}),
        ('freeze', True),
        ('backbone', None),
        ('backbone.type', 'ShuffleNetV2'),
        ('backbone.type', 'mmpretrain.ShuffleNetV2'),
        ('backbone.depth', 18),
        ('backbone.groups', 3),
        ('backbone.norm_cfg', {'type': 'SyncBN'}),
        ('backbone.act_cfg', {'type': 'ELU'}),
        ('backbone.init_cfg', {'type': 'Constant', 'val': 0}),
        ('neck', None),
        ('neck.type', 'GeneralizedMeanPooling'),
        ('neck.dim', 1),
        ('head.type', 'MultiLabelLinearClsHead'),
        ('head.num_classes', 0),
        ('head.in_channels', 7),
        ('head.cal_acc', True),
        ('head.init_cfg', {'type': 'Xavier'}),
        ('head.with_avg_pool', True),
        ('head.loss', {'type': 'SeesawLoss'}),
        ('head.loss', {'type': 'CrossEntropyLoss', 'use_sigmoid': True}),
        ('head.loss', {'type': 'CrossEntropyLoss', 'reduction': 'sum'}),
        ('head.loss', {'type': 'CrossEntropyLoss', 'class_weight': [1.0]}),
        ('head.loss', SMOOTH | {'mode': 'multi_label'}),
        ('head.loss', SMOOTH | {'label_smooth_val': 1.0}),
        ('head.loss', SMOOTH | {'num_classes': 7}),
    ],
    ids=str,
)
def test_what_it_cannot_honour_is_refused_by_key(key, value):
    model = copy.deepcopy(config())
    section, names = model, key.split('.')
    for name in names[:-1]:
        section = section[name]
    section[names[-1]] = value
    with pytest.raises(ConfigError, match=rf'^model(\.{names[0]}|: {names[0]}|\.type)') as error:
        build_classifier(model)
    assert '\n' not in str(error.value)
    assert names[-1] in str(error.value)


def test_missing_sections_of_the_head_are_refused_by_key():
    model = config()
    del model['head']['num_classes']
    with pytest.raises(ConfigError, match=r'model\.head\.num_classes is missing'):
        build_classifier(model)


def test_pretrained_weights_of_classifier_and_backbone(tmp_path, caplog):
    path = tmp_path / 'weights.ckpt'
    trained, _ = build_classifier(config())
    save_weights(trained, path)
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(path)}
    whole, _ = build_classifier(config() | {'init_cfg': init_cfg})
    same, _ = build_classifier(config() | {'pretrained': str(path)})
    part, _ = build_classifier(config(V2 | {'init_cfg': init_cfg | {'prefix': 'backbone.'}}))
    found, _ = build_classifier(config(V2 | {'init_cfg': init_cfg}))
    for name, parameter in trained.parameters_dict().items():
        for classifier in (whole, same, part, found):
            equal = np.array_equal(classifier.parameters_dict()[name].asnumpy(), parameter.asnumpy())
            assert equal or (classifier in (part, found) and name == 'head.fc.weight'), name
    assert 'weights.ckpt: left out, not of the backbone: head.* (2 tensors)' in caplog.text
    with pytest.raises(CheckpointError, match=r"no parameter whose name begins with 'neck\.'"):
        build_classifier(config(V2 | {'init_cfg': init_cfg | {'prefix': 'neck.'}}))


def test_it_trains_under_mindspores_own_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classifier, loss = build_classifier(config(V2 | {'frozen_stages': 3}, loss=SMOOTH))
    before = {p.name: p.asnumpy().copy() for p in classifier.get_parameters()}
    images = np.random.default_rng(0).standard_normal((8, 3, 32, 32)).astype(np.float32)
    data = ms.dataset.NumpySlicesDataset((images, np.arange(8, dtype=np.int32)), shuffle=False).batch(4)
    model = ms.train.Model(
        classifier,
        loss,
        nn.Momentum(classifier.trainable_params(), 0.1, 0.9),
        metrics={'top_1_accuracy', 'top_5_accuracy'},
    )
    model.train(1, data, dataset_sink_mode=False)
    changed = {p.name for p in classifier.get_parameters() if not np.array_equal(p.asnumpy(), before[p.name])}
    assert 'head.fc.weight' in changed
    assert all(name.startswith(('head.', 'backbone.layers.3.')) for name in changed)
    assert set(model.eval(data, dataset_sink_mode=False)) == {'top_1_accuracy', 'top_5_accuracy'}
