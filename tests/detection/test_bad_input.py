"""What is wrong with detection data or checkpoints is said in one line, before anything is left behind."""

import json
import shutil

import pytest
import torch
from helpers.refusals import assert_one_line, nothing_left
from helpers.tiny_coco import shrink
from helpers.tiny_job import ROOT

from shufflenet_zoo.errors import CheckpointError, ConfigError, DataError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train

CONFIG = ROOT / 'configs' / 'detection' / 'retinanet-light_shufflenet-v2-1x_320_coco.py'
TRAIN_FILE = 'annotations/instances_train2017.json'


@pytest.fixture
def data(coco, tmp_path):
    """A copy of the tiny set that may be spoilt."""
    return shutil.copytree(coco, tmp_path / 'coco')


def refuse(config, error, words, tmp_path):
    with nothing_left(tmp_path), pytest.raises(error, match=words) as caught:
        train(config, TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    assert_one_line(str(caught.value))


def load(data, **changes):
    return shrink(load_config(CONFIG, changes), data)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_missing_annotations(data, tmp_path):
    (data / TRAIN_FILE).unlink()
    refuse(load(data), DataError, r'instances_train2017\.json does not exist', tmp_path)


@pytest.mark.parametrize('content', ['', '{"images": [', 'GIF89a'])
def test_no_json(content, data, tmp_path):
    (data / TRAIN_FILE).write_text(content)
    refuse(load(data), DataError, r'instances_train2017\.json is not JSON', tmp_path)


def test_binary_instead_of_json(data, tmp_path):
    (data / TRAIN_FILE).write_bytes(b'\xff\xfe\x00')
    refuse(load(data), DataError, r'instances_train2017\.json is not JSON', tmp_path)


@pytest.mark.parametrize('part', ['images', 'annotations', 'categories'])
def test_json_of_another_format(part, data, tmp_path):
    edit(data / TRAIN_FILE, lambda content: content.pop(part))
    refuse(load(data), DataError, rf"instances_train2017\.json is not in COCO's format: it has no {part}", tmp_path)


def test_list_instead_of_coco(data, tmp_path):
    (data / TRAIN_FILE).write_text('[1, 2]')
    refuse(load(data), DataError, "is not in COCO's format", tmp_path)


def test_absent_images(data, tmp_path):
    (data / 'val2017' / '3.jpg').unlink()
    refuse(
        load(data),
        DataError,
        r'instances_val2017\.json names 1 of 4 images that are not in .*val2017: 3\.jpg',
        tmp_path,
    )


def test_classes_do_not_match_the_head(data, tmp_path):
    refuse(
        load(data, **{'model.bbox_head.num_classes': 3}),
        ConfigError,
        r'80 classes \(person, bicycle, car, \.\.\.\), but model\.bbox_head\.num_classes is 3',
        tmp_path,
    )


def test_classes_do_not_match_a_head_of_two_stages(data, tmp_path):
    config = load_config(
        CONFIG.with_name('faster-rcnn_shufflenet-v2-0.5x_fpn_1x_coco.py'), {'model.roi_head.bbox_head.num_classes': 3}
    )
    refuse(shrink(config, data), ConfigError, r'model\.roi_head\.bbox_head\.num_classes is 3', tmp_path)


def with_classes(config, classes):
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        config[field].dataset.metainfo = {'classes': classes}
    return config


def test_class_that_the_annotations_lack(data, tmp_path):
    config = with_classes(load(data, **{'model.bbox_head.num_classes': 2}), ('cat', 'unicorn'))
    refuse(config, DataError, 'has no category unicorn', tmp_path)


def test_text_instead_of_class_list(data, tmp_path):
    config = with_classes(load(data, **{'model.bbox_head.num_classes': 6}), 'person')
    refuse(config, ConfigError, r"classes is the text 'person'", tmp_path)


def test_checkpoint_of_another_head(data, tmp_path):
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules()
    network = {'model.backbone.widen_factor': 0.5, 'model.neck.in_channels': 'auto'}
    narrow = load_config(CONFIG, network | {'model.bbox_head.num_classes': 3})
    torch.save({'state_dict': MODELS.build(narrow.model).state_dict()}, tmp_path / 'three.pth')
    config = load(data, **network)
    with pytest.raises(CheckpointError, match=r'three\.pth does not fit.*bbox_head\.retina_cls\.weight \(27, '):
        evaluate(config, str(tmp_path / 'three.pth'), TestOptions(work_dir=str(tmp_path / 'work'), device='cpu'))


def test_tool_says_it_in_one_line(data, refused):
    (data / TRAIN_FILE).write_text('no JSON')
    roots = [f'{part}_dataloader.dataset.data_root={data}' for part in ('train', 'val')]
    refused('train', CONFIG, '--cfg-options', *roots, words=['instances_train2017.json is not JSON'])
