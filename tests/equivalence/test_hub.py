"""save_pretrained and from_pretrained across the frameworks, and its folders in every tool; the hub is a stand-in."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import mindspore as ms
import numpy as np
import pytest
import torch
from helpers.refusals import assert_one_line
from helpers.signal import carry_signal
from helpers.tiny_job import ROOT

import shufflenet_zoo.backbones as in_torch
import shufflenet_zoo.mindspore_impl as in_mindspore
from shufflenet_zoo.data import digits
from shufflenet_zoo.errors import ArgumentError, CheckpointError, DependencyError
from shufflenet_zoo.weights.files import read_content

FRAMEWORKS = {'torch': in_torch, 'mindspore': in_mindspore}
IMAGES = np.random.default_rng(0).standard_normal((2, 3, 32, 48)).astype(np.float32)
CONFIG = ROOT / 'configs' / 'shufflenet_v1_g3.py'


def logits(model):
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return model(torch.from_numpy(IMAGES)).numpy()
    return model(ms.Tensor(IMAGES)).asnumpy()


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """The shipped digits classifier in a folder."""
    folder = tmp_path_factory.mktemp('hub') / 'digits'
    in_torch.create_model('shufflenet_v1_digits').save_pretrained(folder)
    return folder


@pytest.mark.parametrize('saver', FRAMEWORKS)
@pytest.mark.parametrize(
    ('name', 'arguments'),
    [
        ('shufflenet_v1_digits', {}),
        pytest.param(
            'shufflenet_v2_0.5x',
            {'act_cfg': {'type': 'HSwish'}, 'shuffle': 'even_odd', 'down_unit': 'keep'},
            marks=pytest.mark.slow,
        ),
        ('shufflenet_v2_0.5x', {'act_cfg': {'type': 'PReLU'}, 'norm_cfg': {'type': 'BN', 'eps': 1e-3}}),
    ],
)
def test_both_frameworks_load_what_either_saved(saver, name, arguments, tmp_path):
    model = FRAMEWORKS[saver].create_model(name, num_classes=10, **arguments)
    if arguments:
        carry_signal(model)
    model = model.eval() if saver == 'torch' else model.set_train(False)
    model.save_pretrained(tmp_path / 'saved')
    assert sorted(path.name for path in (tmp_path / 'saved').iterdir()) == ['config.json', 'model.safetensors']
    expected = logits(model)
    assert expected.std() > 1e-2
    for framework in FRAMEWORKS.values():
        again = framework.ImageClassifier.from_pretrained(tmp_path / 'saved')
        assert np.abs(logits(again) - expected).max() <= 1e-5 * np.abs(expected).max()
        if not arguments:
            assert again.description.class_names == digits.CLASSES
            assert again.description.preprocessing == model.description.preprocessing
        again.save_pretrained(tmp_path / 'again')
        same = (tmp_path / 'again' / 'config.json').read_text() == (tmp_path / 'saved' / 'config.json').read_text()
        assert same


def test_names_of_classes(tmp_path):
    model = in_torch.create_model('shufflenet_v2_0.5x', 2, pretrained=None)
    model.save_pretrained(tmp_path, class_names=('cat', 'dog'), preprocessing={'to_rgb': True})
    again = in_torch.ImageClassifier.from_pretrained(tmp_path)
    assert again.description.class_names == ('cat', 'dog')
    assert json.loads((tmp_path / 'config.json').read_text())['preprocessing'] == {'to_rgb': True}
    with pytest.raises(ArgumentError, match='has 2 classes, and there are 3 names'):
        model.save_pretrained(tmp_path, class_names=('cat', 'dog', 'cow'))
    # A new head has none of the names of the old one.
    assert in_torch.create_model('shufflenet_v2_0.5x', 3, pretrained=tmp_path).description.class_names == ()


@pytest.mark.parametrize('backend', FRAMEWORKS)
def test_tools_take_the_folder_as_a_checkpoint(call, saved, backend):
    images, labels = digits.load_split('test')
    picture = Path('data', str(labels[0]), 'digit.png')
    picture.parent.mkdir(parents=True)
    cv2.imwrite(str(picture), images[0])
    calls = {
        'accuracy/top1: 99.15': ('test', CONFIG, saved),
        f' {labels[0]} ': ('predict', CONFIG, saved, picture, '--top-k', 1),
    }
    if backend == 'torch':  # the others read it as these do
        calls['100.00'] = 'validate', saved, '--data', 'data'
        calls['written: x.onnx'] = 'export', CONFIG, saved, '--format', 'onnx', '--out', 'x.onnx'
    for words, command in calls.items():
        status, output, errors = call(*command, '--backend', backend)
        assert status == 0, errors
        assert words in output[-1]


def test_conversion_and_starts_take_the_folder(call, saved):
    status, output, errors = call('convert_weights', saved, 'x.ckpt')
    assert status == 0, errors
    assert read_content('x.ckpt').description.class_names == digits.CLASSES
    short = ['train_cfg.max_epochs=2', 'train_dataloader.dataset.indices=64', 'optim_wrapper.optimizer.lr=0']
    status, output, errors = call('train', CONFIG, '--cfg-options', f'load_from={saved}', *short)
    assert status == 0, errors
    assert any('accuracy/top1: 9' in line for line in output)
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(saved), 'prefix': 'backbone.'}
    theirs = in_mindspore.ShuffleNetV1(groups=3, small_stem=True, init_cfg=init_cfg)
    ours = in_torch.ShuffleNetV1(groups=3, small_stem=True, init_cfg=init_cfg)
    ours.init_weights()
    assert np.array_equal(theirs.conv1.conv.weight.asnumpy(), ours.conv1.conv.weight.detach().numpy())


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        (
            'config.json',
            None,
            'is a folder without config.json; one of weights holds model.safetensors and',
        ),
        ('model.safetensors', None, 'is a folder without model.safetensors'),
        ('config.json', '{"layout": ', 'config.json: the description of the weights is damaged: it is no JSON'),
        ('config.json', '{"model_type": "bert"}', 'config.json: describes no weights of ours'),
        ('config.json', {'groups': 8}, 'config.json is not that of the weights beside it'),
        ('config.json', {'groops': 3}, "ShuffleNetV1 has no argument 'groops'; did you mean 'groups'?"),
        ('config.json', {'act_cfg': {'type': 'os.abort'}}, 'act_cfg must be a dict with a type such as'),
        ('config.json', {'norm_cfg': {'type': 'BN', '_scope_': 'x'}}, "norm_cfg has _scope_='x'"),
        ('model.safetensors', 'not weights', 'is damaged or no safetensors file'),
    ],
)
def test_broken_folders_get_one_line(saved, tmp_path, name, content, words):
    folder = shutil.copytree(saved, tmp_path / 'broken')
    if content is None:
        (folder / name).unlink()
    elif isinstance(content, str):
        (folder / name).write_text(content)
    else:
        said = json.loads((folder / name).read_text())
        said['backbone'] |= content
        (folder / name).write_text(json.dumps(said))
    for framework in FRAMEWORKS.values():
        with pytest.raises(CheckpointError) as caught:
            framework.ImageClassifier.from_pretrained(folder)
        assert_one_line(str(caught.value), words)


def test_networks_that_cannot_be_told(tmp_path):
    model = in_torch.create_model('shufflenet_v2_0.5x', 10)
    with pytest.raises(ArgumentError, match='around a ShuffleNet can be saved, not one around Identity'):
        in_torch.ImageClassifier.around(torch.nn.Identity(), 10, 3).save_pretrained(tmp_path)
    grouped = in_torch.create_model('shufflenet_v2_0.5x', 10, norm_cfg={'type': 'GN', 'num_groups': 2})
    with pytest.raises(CheckpointError):
        grouped.save_pretrained(tmp_path)
    (tmp_path / 'file').touch()
    with pytest.raises(CheckpointError, match='cannot be written'):
        model.save_pretrained(tmp_path / 'file')
    assert [path.name for path in tmp_path.iterdir()] == ['file']


class Hub:
    """huggingface_hub as far as it is used, with folders for repositories."""

    def __init__(self, root):
        self.root = root

    def HfApi(self, token):
        return self

    def create_repo(self, repo_id, private, exist_ok):
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, repo_id, folder_path, commit_message):
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return f'hub/{repo_id}/commit'

    def snapshot_download(self, repo_id, allow_patterns, revision=None):
        if not (self.root / repo_id).is_dir():
            raise OSError(f'404 Client Error.\n\nRepository {repo_id} not found')
        assert allow_patterns == ['model.safetensors', 'config.json']
        return str(self.root / repo_id)


def test_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    for framework in FRAMEWORKS.values():
        with pytest.raises(DependencyError, match='needs the package huggingface_hub'):
            framework.ImageClassifier.from_pretrained('me/digits')
        with pytest.raises(CheckpointError, match='folder absent does not exist'):
            framework.ImageClassifier.from_pretrained('absent')
    model = in_torch.create_model('shufflenet_v2_digits')
    with pytest.raises(DependencyError, match='push_to_hub needs the package huggingface_hub'):
        model.push_to_hub('me/digits')
    monkeypatch.setitem(sys.modules, 'huggingface_hub', Hub(tmp_path / 'hub'))
    assert model.push_to_hub('me/digits') == 'hub/me/digits/commit'
    again = in_mindspore.ImageClassifier.from_pretrained('me/digits', revision='main')
    assert again.description.class_names == digits.CLASSES
    with pytest.raises(CheckpointError, match='me/other cannot be downloaded: 404 Client Error. Repository') as caught:
        again.from_pretrained('me/other')
    assert_one_line(str(caught.value))
    assert [path.name for path in Path().iterdir()] == ['hub']
