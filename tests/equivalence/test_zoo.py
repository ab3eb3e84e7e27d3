"""Published weights by name, in both frameworks, against the publishers' own networks; downloaded from the loopback."""

from collections import OrderedDict

import mindspore as ms
import pytest
import torch
import torchvision
from helpers.compare import difference
from helpers.server import serving
from helpers.signal import carry_signal
from helpers.zoo_server import images, publish
from mmpretrain.models import build_classifier
from pytorchcv.model_provider import get_model as get_pytorchcv

import shufflenet_zoo.backbones as in_torch
import shufflenet_zoo.mindspore_impl as in_mindspore
from shufflenet_zoo.weights.download import HOME

SAME = 1e-5


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / 'cache'))
    with serving() as server:
        yield server


# The only size that pytorchcv's fixed pool takes.
IMAGES = images(224)


def run_torch(model):
    with torch.no_grad():
        return model.eval()(torch.from_numpy(IMAGES)).numpy()


def run_mindspore(model):
    return model.set_train(False)(ms.Tensor(IMAGES)).asnumpy()


def torch_publisher(build, wrap=lambda state: state):
    network = carry_signal(build())

    def write(path):
        torch.save(wrap(network.state_dict()), path)

    return network, write, lambda: run_torch(network)


def mindcv_publisher(name):
    from mindcv.models import create_model

    network = carry_signal(create_model(name))

    def write(path):
        ms.save_checkpoint(network, str(path))

    return network, write, lambda: run_mindspore(network)


def with_teacher(state):
    student = {f'architecture.{name}': value for name, value in state.items()}
    return {'meta': {}, 'state_dict': OrderedDict(student | {'teacher.head.fc.bias': torch.zeros(1000)})}


class Mmpretrain(torch.nn.Module):
    """mmpretrain's classifier under forward, which gives scores."""

    def __init__(self, version):
        super().__init__()
        backbone = {'groups': 3} if version == 1 else {'widen_factor': 1.0}
        self.classifier = build_classifier(
            {
                'type': 'ImageClassifier',
                'backbone': {'type': f'mmpretrain.ShuffleNetV{version}', **backbone},
                'neck': {'type': 'GlobalAveragePooling'},
                'head': {'type': 'LinearClsHead', 'num_classes': 1000, 'in_channels': 960 if version == 1 else 1024},
            }
        )

    def state_dict(self, *args, **kwargs):
        return self.classifier.state_dict(*args, **kwargs)

    def forward(self, pixels):
        return self.classifier.head(self.classifier.extract_feat(pixels))


def for_cifar():
    network = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    network.conv1[0].stride, network.maxpool = (1, 1), torch.nn.Identity()
    return network


PUBLISHERS = {
    'shufflenet_v2_0.5x@torchvision': lambda: torch_publisher(torchvision.models.shufflenet_v2_x0_5),
    'shufflenet_v2_0.5x@chenyaofo-cifar10': lambda: torch_publisher(for_cifar),
    'shufflenet_v1_g3_1.0x@mmpretrain': lambda: torch_publisher(lambda: Mmpretrain(1)),
    'shufflenet_v2_1.0x@mmrazor-kd': lambda: torch_publisher(lambda: Mmpretrain(2), with_teacher),
    'shufflenet_v1_g3_0.25x@pytorchcv': lambda: torch_publisher(lambda: get_pytorchcv('shufflenet_g3_wd4')),
    'shufflenet_v2_1.5x@pytorchcv-b': lambda: torch_publisher(lambda: get_pytorchcv('shufflenetv2b_w3d2')),
    'shufflenet_v1_g3_0.5x@mindcv': lambda: mindcv_publisher('shufflenet_v1_g3_05'),
    'shufflenet_v2_megvii_0.5x@mindcv': lambda: mindcv_publisher('shufflenet_v2_x0_5'),
}


@pytest.mark.parametrize('name', PUBLISHERS)
def test_both_frameworks_compute_what_the_publisher_does(name, server, tmp_path, monkeypatch):
    _, write, run = PUBLISHERS[name]()
    row = publish(monkeypatch, server, name, write, tmp_path)
    model, _, tag = name.partition('@')
    expected = run()
    assert expected.std() > 1e-3
    found = [
        run_torch(in_torch.create_model(model, pretrained=tag)),
        run_mindspore(in_mindspore.create_model(name)),
    ]
    assert difference(found, [expected, expected]) <= SAME
    assert server.requests == [None]
    address = row.address
    classifier = in_torch.create_model(model, 7, pretrained=address, features_only=True)
    config = dict(init_cfg=dict(type='Pretrained', checkpoint=address, prefix='backbone.'))
    again = type(classifier)(**classifier.architecture.arguments, **config)
    again.init_weights()
    theirs, ours = classifier.state_dict(), again.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
