"""tools/predict.py with classifiers of both backends and with a detector."""

import json
from pathlib import Path

import cv2
import pytest
import torch
from helpers.tiny_job import ROOT, write_config

from shufflenet_zoo.data import digits
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.weights.file_torch import read_checkpoint
from shufflenet_zoo.weights.frameworks import framework_of

DETECTOR = ROOT / 'configs' / 'detection' / 'retinanet-light_shufflenet-v2-1x_320_coco.py'


@pytest.fixture
def images(tmp_path):
    """Two digits of the test split as files, and their labels."""
    arrays, labels = digits.load_split('test')
    paths = []
    for i in (0, 1):
        paths.append(tmp_path / f'digit{i}.png')
        cv2.imwrite(str(paths[-1]), arrays[i])
    return paths, [str(label) for label in labels[:2]]


def test_classifies(call, trained, images):
    config, checkpoint = trained
    status, output, errors = call('predict', config, checkpoint, *images[0], '--top-k', 3)
    assert status == 0, errors
    assert output[0].split() == ['image', 'label', 'score']
    assert len(output) == 1 + 2 * 3
    assert output[1].split()[0] == str(images[0][0])


def test_agrees_with_the_test_tool(call, trained, tmp_path):
    """The files of the whole test split get the scores that tools/test.py gives the data set."""
    import mmengine

    config, checkpoint = trained
    arrays, _ = digits.load_split('test')
    paths = [tmp_path / f'{i:03}.png' for i in range(20)]
    for path, array in zip(paths, arrays, strict=False):
        cv2.imwrite(str(path), array)
    status, _, errors = call('test', config, checkpoint, '--out', tmp_path / 'pred.pkl', '--device', 'cpu')
    assert status == 0, errors
    expected = mmengine.load(str(tmp_path / 'pred.pkl'))
    status, output, errors = call('predict', config, checkpoint, *paths, '--json', '--top-k', 10, '--device', 'cpu')
    assert status == 0, errors
    for found, sample in zip(json.loads('\n'.join(output)), expected, strict=False):
        scores = {entry['label']: entry['score'] for entry in found['predictions']}
        for label, score in enumerate(sample['pred_score'].tolist()):
            assert scores[str(label)] == pytest.approx(score, abs=1e-5)


def test_json_and_pictures(call, trained, images):
    config, checkpoint = trained
    status, output, errors = call('predict', config, checkpoint, *images[0], '--json', '--out', 'drawn')
    assert status == 0, errors
    found = json.loads('\n'.join(output))
    assert [entry['image'] for entry in found] == [str(path) for path in images[0]]
    assert all(len(entry['predictions']) == 5 for entry in found)
    assert sorted(path.name for path in Path('drawn').iterdir()) == ['digit0.png', 'digit1.png']


@pytest.fixture
def pictures(tmp_path):
    """Digits of two classes in folders of their names, and something that is no image."""
    arrays, labels = digits.load_split('test')
    for i in (*(labels == 3).nonzero()[0][:3], *(labels == 7).nonzero()[0][:2]):
        path = tmp_path / 'pictures' / str(labels[i]) / f'{i:03}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), arrays[i])
    (tmp_path / 'pictures' / 'notes.txt').write_text('none')
    return tmp_path / 'pictures'


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
def test_a_shipped_model_and_a_folder_are_enough(backend, call, pictures):
    pytest.importorskip(backend)
    options = ('--model', 'shufflenet_v1_digits', '--backend', backend)
    status, output, errors = call('predict', 'pictures', *options, '--json', '--out', 'drawn')
    assert status == 0, errors
    found = json.loads('\n'.join(output))
    assert len(found) == 5
    for entry in found:
        assert Path(entry['image']).parent.name == entry['predictions'][0]['label']
        assert Path('drawn', Path(entry['image']).relative_to('pictures')).is_file()


def test_patterns_and_one_picture_of_all(call, pictures):
    status, output, errors = call(
        'predict', '--model', 'zoo://shufflenet_v2_digits', 'pictures/*/*.png', '--out', 'all.png', '--top-k', 1
    )
    assert status == 0, errors
    assert [line.split()[1] for line in output[1:]] == ['3', '3', '3', '7', '7']
    height, width = cv2.imread('all.png').shape[:2]
    assert width == pytest.approx(5 * 143, abs=5) and height == pytest.approx(210, abs=5)


def test_what_model_and_images_cannot_be(refused, pictures):
    model = ('--model', 'shufflenet_v1_digits')
    refused('predict', '--model', 'shufflenet_v1_digit', 'pictures', words=['shufflenet_v1_digits', 'no such file'])
    refused('predict', *model, 'pictures/*.gif', words=['no file matches pictures/*.gif'])
    (pictures / 'empty').mkdir()
    refused('predict', *model, 'pictures/empty', words=['pictures/empty has no image'])
    refused('predict', *model, 'pictures', *['pictures'] * 50, '--out', 'all.png', words=['at most 200 images'])


def test_the_backend_is_that_of_the_file(call, trained, images, tmp_path):
    pytest.importorskip('mindspore')
    config, checkpoint = trained
    for suffix in ('.ckpt', '.safetensors'):
        assert call('convert_weights', checkpoint, f'weights{suffix}', '--to', 'mindspore')[0] == 0
        status, _, errors = call('predict', config, f'weights{suffix}', images[0][0])
        assert status == 0, errors
    assert framework_of('weights.ckpt') == framework_of('weights.safetensors') == 'mindspore'
    assert framework_of(checkpoint) == framework_of('zoo://shufflenet_v1_digits') == 'torch'


def test_mindspore_gives_the_same(call, trained, images, tmp_path):
    pytest.importorskip('mindspore')
    config, checkpoint = trained
    status, _, errors = call('convert_weights', checkpoint, tmp_path / 'weights.ckpt', '--to', 'mindspore')
    assert status == 0, errors
    found = {}
    for backend, weights in (('torch', checkpoint), ('mindspore', tmp_path / 'weights.ckpt')):
        status, output, errors = call('predict', config, weights, *images[0], '--json', '--backend', backend)
        assert status == 0, errors
        found[backend] = [entry['predictions'] for entry in json.loads('\n'.join(output))]
    for ours, theirs in zip(found['torch'], found['mindspore'], strict=True):
        assert [entry['label'] for entry in ours] == [entry['label'] for entry in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one['score'] == pytest.approx(other['score'], abs=1e-4)


def test_mindspore_has_no_detection(refused, images, tmp_path):
    pytest.importorskip('mindspore')
    pytest.importorskip('mmdet')
    (tmp_path / 'x.ckpt').write_bytes(b'')
    refused('predict', DETECTOR, tmp_path / 'x.ckpt', images[0][0], '--backend', 'mindspore', words=['CocoDataset'])


def test_detects(call, images, tmp_path):
    """Scores and boxes are those of the model; the names are COCO's."""
    pytest.importorskip('mmcv._ext')
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules()
    config = load_config(DETECTOR, {'model.backbone.widen_factor': 0.5, 'model.neck.in_channels': 'auto'})
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    # All objects are toothbrushes, the last class.
    torch.nn.init.constant_(model.bbox_head.retina_cls.bias, -9)
    with torch.no_grad():
        model.bbox_head.retina_cls.bias[79::80] = 9
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'detector.pth')
    narrow = [
        '--cfg-options',
        'model.backbone.widen_factor=0.5',
        'model.neck.in_channels=auto',
        'model.test_cfg.max_per_img=3',
    ]
    status, output, errors = call(
        'predict', DETECTOR, tmp_path / 'detector.pth', images[0][0], '--json', '--out', 'drawn', *narrow
    )
    assert status == 0, errors
    (found,) = json.loads('\n'.join(output))
    assert len(found['predictions']) == 3
    for entry in found['predictions']:
        left, top, right, bottom = entry['box']
        assert entry['label'] == 'toothbrush'
        # In pixels of the file, which was enlarged to 320x320 for the network.
        assert 0 <= left < right <= 8 and 0 <= top < bottom <= 8
    assert Path('drawn/digit0.png').is_file()
    status, output, errors = call(
        'predict', DETECTOR, tmp_path / 'detector.pth', images[0][0], '--score-thr', 1, *narrow
    )
    assert (status, output[1].split()[1:]) == (0, ['(nothing', 'found)']), errors


def test_refusals(refused, trained, images, tmp_path):
    config, checkpoint = trained
    image = images[0][0]
    refused('predict', tmp_path / 'absent.py', checkpoint, image, words=['absent.py does not exist'])
    refused('predict', config, tmp_path / 'absent.pth', image, words=['absent.pth does not exist'])
    refused('predict', config, checkpoint, tmp_path / 'absent.png', words=['absent.png does not exist'])
    refused('predict', config, checkpoint, config, words=['trained.py cannot be read'])
    refused('predict', config, checkpoint, image, image, '--out', 'drawn', words=['would both be drawn'])


def test_checkpoint_of_another_network(refused, trained, images, tmp_path):
    config, checkpoint = trained
    wide = write_config(tmp_path / 'wide.py', extra='model.update(backbone=dict(widen_factor=1.0))')
    refused(
        'predict', wide, checkpoint, images[0][0], words=[checkpoint.name, 'widen_factor=0.5 (the network has 1.0)']
    )
    content = read_checkpoint(checkpoint)
    del content['state_dict']['head.fc.bias']
    torch.save(content, tmp_path / 'cut.pth')
    refused('predict', config, tmp_path / 'cut.pth', images[0][0], words=['cut.pth', 'head.fc.bias'])


@pytest.mark.parametrize('option, value', [('--top-k', 0), ('--score-thr', 1.5)])
def test_bad_numbers(option, value, call, trained, images):
    status, _, errors = call('predict', *trained, images[0][0], option, value)
    assert status == 2
    assert f'{option} {value}' in errors[-1]
