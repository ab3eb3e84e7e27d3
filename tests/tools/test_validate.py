"""tools/validate.py: the published accuracies are found again, in both frameworks, and what cannot be is told."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from helpers.refusals import assert_refused
from helpers.server import serving
from helpers.signal import carry_signal
from helpers.zoo_server import publish
from torchvision.models import shufflenet_v2_x0_5

from shufflenet_zoo.backbones import ShuffleNetV2
from shufflenet_zoo.data import digits
from shufflenet_zoo.data.folders import label_images
from shufflenet_zoo.errors import DataError
from shufflenet_zoo.weights import get_weights, list_weights
from shufflenet_zoo.weights.download import HOME
from shufflenet_zoo.weights.files import write_weights
from shufflenet_zoo.weights.validation import select
from shufflenet_zoo.weights.zoo import read_any

SHIPPED = ['shufflenet_v1_digits', 'shufflenet_v2_digits']


@pytest.fixture
def folder(tmp_path):
    """The test digits as files, of which the folders of some classes are there."""
    images, labels = digits.load_split('test')
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        if label in (3, 7):
            path = tmp_path / 'digits' / str(label) / f'{i}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
    return tmp_path / 'digits'


def cells(output, name):
    return next(line.split() for line in output if line.startswith(name))


@pytest.mark.parametrize(('backend', 'shipped'), [('torch', SHIPPED), ('mindspore', SHIPPED[1:])])
def test_shipped_weights_are_as_accurate_as_published(call, backend, shipped):
    pytest.importorskip(backend)
    status, output, errors = call('validate', *shipped, '--csv', 'found.csv', '--backend', backend)
    assert status == 0, errors
    with Path('found.csv').open(newline='') as stream:
        rows = {row['weights']: row for row in csv.DictReader(stream)}
    assert list(rows) == shipped
    for name, row in rows.items():
        published = get_weights(name)
        assert cells(output, name) == [
            *(name, '355'),
            *(f'{published.top1:.2f}', f'{published.top1:.2f}', '+0.00'),
            *(f'{published.top5:.2f}', f'{published.top5:.2f}', '+0.00'),
        ]
        assert float(row['top1']) == pytest.approx(published.top1, abs=0.005)
        assert (row['images'], row['published_top5'], row['reason']) == ('355', str(published.top5), '')
    assert [path.name for path in Path().iterdir()] == ['found.csv']


def test_any_file_on_a_folder(call, folder, tmp_path):
    """A file of another layout and framework, on the images of some of the classes."""
    assert call('convert_weights', 'zoo://shufflenet_v2_digits', tmp_path / 'v2.ckpt')[0] == 0
    status, output, errors = call('validate', tmp_path / 'v2.ckpt', '--data', folder)
    assert status == 0, errors
    images, top1, top5 = cells(output, str(tmp_path / 'v2.ckpt'))[1:]
    assert int(images) == len(list(folder.rglob('*.png')))
    assert float(top1) > 90 and float(top5) == 100


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / 'cache'))
    with serving() as server:
        yield server


def test_published_weights_are_downloaded(call, folder, server, tmp_path, monkeypatch):
    """Another publisher's layout, one of its head and one of a backbone alone; both frameworks find the same."""
    network = carry_signal(shufflenet_v2_x0_5(num_classes=10))
    backbone = {f'backbone.{key}': value for key, value in ShuffleNetV2(widen_factor=1.0).state_dict().items()}
    name, other = 'shufflenet_v2_0.5x@chenyaofo-cifar10', 'shufflenet_v2_1.0x@mmpose-mpii-256x256'
    publish(monkeypatch, server, name, lambda path: torch.save(network.state_dict(), path), tmp_path)
    publish(monkeypatch, server, other, lambda path: torch.save(backbone, path), tmp_path)
    found = []
    for backend in ('torch', 'mindspore'):
        pytest.importorskip(backend)
        status, output, errors = call('validate', name, other, '--data', folder, '--backend', backend)
        assert_refused(status, '\n'.join(errors), '1 of 2 weights could not be measured')
        assert any(line.startswith(f'{other}: ') and 'backbone alone' in line for line in output)
        found.append(cells(output, name))
    assert found[0] == found[1] and found[0][3] == '90.13'


def test_what_cannot_be_measured_is_told_in_a_line(call):
    names = ['shufflenet_v2_digits', 'chenyaofo-cifar10', 'torchvision-int8', 'onnx-9']
    status, output, errors = call('validate', *names, '--csv', 'all.csv')
    with Path('all.csv').open(newline='') as stream:
        reasons = {row['weights']: row['reason'] for row in csv.DictReader(stream)}
    assert reasons.pop('shufflenet_v2_digits') == ''
    assert len(reasons) == 9 and all(f'{name}: {reason}' in output for name, reason in reasons.items())
    assert 'no images of cifar10 come with the package' in reasons['shufflenet_v2_0.5x@chenyaofo-cifar10']
    assert 'quantized to int8' in reasons['shufflenet_v2_1.0x@torchvision-int8']
    assert_refused(status, '\n'.join(errors), '9 of 10 weights could not be measured')


@pytest.mark.parametrize(
    ('step', 'words'),
    [
        ({'type': 'os.system', 'command': 'touch run'}, "has type='os.system'; a file may name classes"),
        ({'type': 'RandomApply', 'transforms': [[{'type': 'mmengine.load', 'file': 'x.pkl'}]]}, "type='mmengine.load'"),
        ({'type': 'PackInputs', '_scope_': 'run'}, "has _scope_='run'"),
        ('os.system', 'the pipeline in the description must be a list of dicts'),
    ],
)
@pytest.mark.parametrize('command', [('validate', '--data', 'digits'), ('predict', '--model')])
def test_no_file_has_code_run(call, folder, command, step, words):
    """mmengine would import and call what a dotted type leads to."""
    weights = read_any('zoo://shufflenet_v2_digits')
    write_weights('x.safetensors', replace(weights, preprocessing={'pipeline': [step]}))
    image = [next(folder.rglob('*.png'))] if 'predict' in command else []
    status, output, errors = call(*command, 'x.safetensors', *image)
    assert status == 2 and any(words in line for line in output + errors)
    assert not Path('run').exists()


def test_names_files_and_patterns(tmp_path):
    file = tmp_path / 'x.pth'
    file.touch()
    named = ['zoo://shufflenet_v2_digits', '*_digits', str(file), 'v2_1.0x', 'shufflenet_v2_0.5x@torchvision']
    found = select(named)
    assert found[:3] == ['zoo://shufflenet_v2_digits', 'zoo://shufflenet_v1_digits', str(file)]
    assert found[3:-1] == [f'zoo://{name}' for name in list_weights('v2_1.0x')]


def test_refusals(refused, tmp_path):
    refused('validate', 'shufflenet_v2_1.0x@torchvison', words=['of shufflenet_v2_1.0x there are'])
    (tmp_path / 'table').mkdir()
    refused('validate', 'onnx-9', '--csv', tmp_path / 'table', words=['table cannot be written'])


@pytest.mark.parametrize(
    'labels',
    [
        {'ant': 0, 'dog': 2},  # names of the classes
        {'10': 10, '2': 2},  # numbers of the classes, which are in another order as texts
        {f'n{i:02}': i for i in range(12)},  # others, in the order of texts
    ],
)
def test_labels_of_folders(tmp_path, labels):
    for name in labels:
        (tmp_path / name / 'deeper').mkdir(parents=True)
        for file in ('x.JPEG', '.x.jpg', 'x.txt'):
            (tmp_path / name / 'deeper' / file).touch()
    found = label_images(tmp_path, 12, ['ant', 'cat', 'dog', *'abcdefghi'])
    assert found == [(f'{name}/deeper/x.JPEG', label) for name, label in labels.items()]


def test_folders_that_are_not_the_classes(tmp_path):
    with pytest.raises(DataError, match='is no folder'):
        label_images(tmp_path / 'absent', 3)
    (tmp_path / 'ant').mkdir()
    with pytest.raises(DataError, match='has 1 folders \\(ant\\), and there are 3 classes'):
        label_images(tmp_path, 3)
    with pytest.raises(DataError, match='has no image'):
        label_images(tmp_path, 3, ['ant', 'bee', 'cat'])
