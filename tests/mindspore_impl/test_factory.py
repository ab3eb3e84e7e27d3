"""Networks by name, and a package that needs no PyTorch."""

import os
import subprocess
import sys

import mindspore as ms
import numpy as np
import pytest
import torch
from helpers.factories import WRONG_ARGUMENTS
from helpers.layout_weights import make_weights

from shufflenet_zoo.errors import ArgumentError, CheckpointError
from shufflenet_zoo.mindspore_impl import create_model, load_weights, save_weights
from shufflenet_zoo.mindspore_impl.onednn import cpu_features
from shufflenet_zoo.weights import convert, write_weights
from shufflenet_zoo.weights.file_torch import to_state_dict

_WITHOUT_TORCH = """
import sys
for name in ('torch', 'torchvision', 'mmcv', 'mmpretrain', 'mmdet'):
    sys.modules[name] = None
import shufflenet_zoo.mindspore_impl as zoo
import mindspore as ms
import numpy as np
x = ms.Tensor(np.ones((1, 1, 32, 32), np.float32))
for name in ('shufflenet_v1_g3_0.25x', 'shufflenet_v2_0.25x'):
    model = zoo.create_model(name, num_classes=3, in_channels=1)
    zoo.save_weights(model, 'weights.safetensors')
    zoo.load_weights(model, 'weights.safetensors')
    print(model(x).shape)
"""
_SETTING = 'import os, shufflenet_zoo.mindspore_impl; print(os.environ.get("ONEDNN_MAX_CPU_ISA"))'


def run(code: str, cwd, **env: str) -> list[str]:
    """Run Python in a process of its own; return the lines it prints."""
    env = {name: value for name, value in (os.environ | env).items() if value}
    done = subprocess.run([sys.executable, '-c', code], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_it_runs_without_torch(tmp_path):
    assert run(_WITHOUT_TORCH, tmp_path)[-2:] == ['(1, 3)', '(1, 3)']


def test_onednn_is_held_at_avx2_where_that_helps(tmp_path):
    assert run(_SETTING, tmp_path, ONEDNN_MAX_CPU_ISA='')[-1] == ('AVX2' if cpu_features['AVX512F'] else 'None')
    assert run(_SETTING, tmp_path, ONEDNN_MAX_CPU_ISA='SSE41')[-1] == 'SSE41'


@pytest.mark.parametrize('name', ['shufflenet_v1_g3_1.0x', 'shufflenet_v2_megvii_0.5x'])
def test_models_have_the_classes_and_channels_asked_for(name):
    model = create_model(name, num_classes=7, in_channels=4)
    assert model(ms.Tensor(np.zeros((2, 4, 32, 32), np.float32))).shape == (2, 7)


def test_backbone_arguments_can_be_replaced():
    model = create_model('shufflenet_v2_0.5x', 10, small_stem=True, last_channels=64)
    assert model.backbone.out_channels == (64,)
    assert model.head.fc.weight.shape == (10, 64)


@pytest.mark.parametrize('suffix', ['.ckpt', '.safetensors'])
def test_pretrained_weights(tmp_path, suffix):
    path = tmp_path / f'weights{suffix}'
    saved = create_model('shufflenet_v2_0.5x', num_classes=4)
    save_weights(saved, path)
    loaded = create_model('shufflenet_v2_0.5x', num_classes=4, pretrained=path)
    for one, other in zip(saved.get_parameters(), loaded.get_parameters(), strict=True):
        assert np.array_equal(one.asnumpy(), other.asnumpy())
    with pytest.raises(CheckpointError, match='holds the weights of ShuffleNetV2'):
        create_model('shufflenet_v1_g3_0.5x', num_classes=4, pretrained=path)


def test_files_of_pytorch_are_converted_on_the_way(tmp_path):
    own = make_weights('openmmlab', {'type': 'ShuffleNetV2', 'widen_factor': 0.5})
    expected = convert(own, 'mindspore')
    theirs = {f'model.{key}': value for key, value in convert(own, 'torchvision').tensors.items()}
    torch.save({'state_dict': to_state_dict(theirs), 'hyper_parameters': {}}, tmp_path / 'lightning.ckpt')
    write_weights(tmp_path / 'ours.pth', own)
    named = {own.prefix(key) + key: value for key, value in own.tensors.items()}
    torch.save(to_state_dict(named), tmp_path / 'b.pth')
    for name in ('lightning.ckpt', 'ours.pth', 'b.pth'):
        model = create_model('shufflenet_v2_0.5x', pretrained=tmp_path / name)
        loaded = create_model('shufflenet_v2_0.5x', num_classes=7)
        load_weights(loaded, tmp_path / name)
        backbone = create_model('shufflenet_v2_0.5x', features_only=True)
        load_weights(backbone, tmp_path / name)
        for cell, prefix in ((model, True), (loaded, True), (backbone, False)):
            for parameter in cell.get_parameters():
                key = parameter.name.removeprefix('backbone.') if prefix else parameter.name
                assert np.array_equal(parameter.asnumpy(), expected.tensors[key])
    with pytest.raises(CheckpointError, match="pool_padding='symmetric'"):
        load_weights(create_model('shufflenet_v2_0.5x', 7, pool_padding='same'), tmp_path / 'lightning.ckpt')


def test_another_number_of_classes_keeps_the_backbone_and_says_so(tmp_path, caplog):
    saved = create_model('shufflenet_v2_0.5x', num_classes=4)
    save_weights(saved, tmp_path / 'weights.ckpt')
    loaded = create_model('shufflenet_v2_0.5x', num_classes=9, pretrained=tmp_path / 'weights.ckpt')
    assert 'has a head for 4 classes; the head for 9 classes is new' in caplog.text
    assert loaded.head.fc.weight.shape == (9, 1024)
    for one, other in zip(saved.backbone.get_parameters(), loaded.backbone.get_parameters(), strict=True):
        assert np.array_equal(one.asnumpy(), other.asnumpy())


@pytest.mark.parametrize('name', ['shufflenet_v1_g3_0.5x', 'shufflenet_v2_50'])
def test_features_only(name):
    backbone = create_model(name, features_only=True)
    maps = backbone(ms.Tensor(np.zeros((1, 3, 64, 96), np.float32)))
    assert len(maps) == len(backbone.plan.stages)
    for found, info in zip(maps, backbone.feature_info, strict=True):
        assert found.shape == (1, info.channels, 64 // info.stride, 96 // info.stride)


@pytest.mark.parametrize(('arguments', 'options', 'message'), WRONG_ARGUMENTS)
def test_wrong_arguments_are_refused(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        create_model(*arguments, **options)
