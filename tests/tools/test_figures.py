"""Figures of trainings, data and classifiers: what they are drawn from is right, and equal in both frameworks."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from shufflenet_zoo.data.digits import load_split
from shufflenet_zoo.figures.curves import read_course
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab import inspection

DETECTOR = 'retinanet-light_shufflenet-v2-1x_320_coco'


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for i, image in enumerate(load_split('test')[0][:3]):
        cv2.imwrite(str(folder / f'{i}.png'), image)
    return sorted(map(str, folder.iterdir()))


def assert_drawn(call, *args):
    """A command must write one PNG with something in it, and nothing else."""
    status, output, errors = call(*args)
    assert status == 0, errors
    (path,) = Path().iterdir()
    assert output[-1] == f'written: {path}'
    picture = np.asarray(Image.open(path).convert('L'))
    assert picture.shape > (100, 100) and picture.std() > 5


@pytest.mark.parametrize('command', ['confusion', 'tsne', 'augmented', 'cam', 'curves'])
def test_commands_draw(command, call, trained, images):
    config, checkpoint = trained
    arguments = {
        'augmented': (config, '--images', 2, '--times', 3),
        'cam': (config, checkpoint, *images),
        'curves': (checkpoint.parent,),
    }
    assert_drawn(call, command, *arguments.get(command, (config, checkpoint)), '--out', 'figure.png')


def test_responses_are_those_of_the_test(call, trained, tmp_path):
    import mmengine

    config, checkpoint = trained
    status, _, errors = call('test', config, checkpoint, '--out', tmp_path / 'pred.pkl', '--device', 'cpu')
    assert status == 0, errors
    found = inspection.respond(load_config(config), checkpoint, 'cpu')
    samples = mmengine.load(str(tmp_path / 'pred.pkl'))
    assert found.logits.argmax(1).tolist() == [int(sample['pred_label']) for sample in samples]
    assert found.labels.tolist() == [int(sample['gt_label']) for sample in samples]
    assert list(found.class_names) == [str(digit) for digit in range(10)]


def test_heat_of_the_last_stage_is_that_of_the_linear_head(images):
    """Behind an average, the gradient of a score by the last activations is the head's row (Zhou et al., 2016)."""
    import torch

    config, checkpoint = load_config('shufflenet_v1_g3'), 'zoo://shufflenet_v1_digits'
    (found,) = inspection.find_evidence(config, checkpoint, images[:1], wanted='3', device='cpu')
    model, _ = inspection._load(config, checkpoint, 'cpu')
    inputs = model.data_preprocessor({'inputs': [torch.from_numpy(found.image.copy()).permute(2, 0, 1)]})['inputs']
    with torch.no_grad():
        activations = model.backbone(inputs)[-1][0]
        expected = torch.einsum('c,chw->hw', model.head.fc.weight[3], activations).relu().numpy()
    assert np.ptp(expected) > 0.1
    expected = cv2.resize(expected, found.image.shape[1::-1])
    np.testing.assert_allclose(found.heat, (expected - expected.min()) / np.ptp(expected), atol=1e-5)
    assert found.label == '3'


@pytest.mark.slow
def test_mindspore_shows_the_same(call, trained, images, tmp_path):
    pytest.importorskip('mindspore')
    from shufflenet_zoo.mindspore_impl.training import inspection as ours

    weights = tmp_path / 'weights.ckpt'
    status, _, errors = call('convert_weights', trained[1], weights, '--to', 'mindspore')
    assert status == 0, errors
    config = load_config(trained[0])
    for mine, theirs in zip(ours.augment(config, 5, 2), inspection.augment(config, 5, 2), strict=True):
        assert mine.label == theirs.label
        for image, other in zip((mine.original, *mine.draws), (theirs.original, *theirs.draws), strict=True):
            np.testing.assert_array_equal(image, other)
    mine, theirs = ours.respond(config, weights), inspection.respond(config, trained[1], 'cpu')
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    for name in ('features', 'logits'):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(getattr(mine, name), expected, atol=1e-4 * np.abs(expected).max())
    for stage in (0, -1):
        found = ours.find_evidence(config, weights, images, stage=stage)
        for mine, theirs in zip(
            found, inspection.find_evidence(config, trained[1], images, stage=stage, device='cpu'), strict=True
        ):
            assert (mine.label, mine.score) == (theirs.label, pytest.approx(theirs.score, abs=1e-5))
            np.testing.assert_allclose(mine.heat, theirs.heat, atol=1e-3)


def write_scalars(folder, start, losses):
    """Numbers of a start: two iterations an epoch, a validation behind each."""
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = []
    for step, loss in losses.items():
        lines.append({'loss': loss, 'lr': 0.1, 'time': 1.0, 'iter': step, 'step': step})
        if step % 2 == 0:
            lines.append({'accuracy/top1': 10.0 * step, 'time': 1.0, 'step': step // 2})
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


def test_curves_of_a_resumed_training_go_on_where_it_was_resumed(tmp_path):
    write_scalars(tmp_path, '20250101_000000', {1: 9.0, 2: 8.0, 3: 7.0, 4: 6.0, 5: 5.0})
    write_scalars(tmp_path, '20250102_000000', {3: 3.0, 4: 2.0})
    course = read_course(tmp_path)
    assert course.loss == {1: 9.0, 2: 8.0, 3: 3.0, 4: 2.0}
    assert course.metrics == {'accuracy/top1': {2: 20.0, 4: 40.0}}
    write_scalars(tmp_path, '20250103_000000', {1: 1.0})
    assert read_course(tmp_path).loss == {1: 1.0}


def test_refusals(refused, trained, images, tmp_path):
    config, checkpoint = trained
    refused('curves', tmp_path, words=['name the work directory of a training'])
    refused('confusion', config, checkpoint, '--out', 'figure.jpg', words=['figure.png', 'not figure.jpg'])
    refused('tsne', DETECTOR, checkpoint, words=["'RetinaNet' is no classifier"])
    refused('cam', config, checkpoint, images[0], '--class', 'ten', words=['--class ten', 'no such class'])
    refused('cam', config, checkpoint, images[0], '--stage', 9, words=['--stage 9', '0 to 2'])
    refused('cam', config, checkpoint, config, words=['trained.py cannot be read'])
    damaged = tmp_path.parent / 'damaged' / '1' / 'vis_data' / 'scalars.json'
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"loss": 1}\n')
    refused('curves', tmp_path.parent / 'damaged', words=['scalars.json: line 1 is damaged'])
