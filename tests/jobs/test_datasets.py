"""--data: the folder of a config's data, and a head for its classes."""

import pytest

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.config import load_config


@pytest.fixture
def folder(tmp_path):
    for name in ('cat', 'dog', 'emu'):
        (tmp_path / 'animals' / name).mkdir(parents=True)
        (tmp_path / 'animals' / name / '1.jpg').touch()
    return tmp_path / 'animals'


def test_the_head_gets_the_classes_of_the_folder(folder):
    config = load_config('shufflenet-v2-1x_folder', data=str(folder))
    assert config.model.head.num_classes == config.data_preprocessor.num_classes == 3
    roots = {config[field].dataset.data_root for field in ('train_dataloader', 'val_dataloader', 'test_dataloader')}
    assert roots == {str(folder)}


def test_annotations_below_the_root_move_with_it():
    pytest.importorskip('mmdet')
    config = load_config('ssdlite_shufflenet-v2-1x_320_coco', data='/mnt/coco')
    assert config.train_dataloader.dataset.dataset.data_root == '/mnt/coco'
    assert config.val_evaluator.ann_file == '/mnt/coco/annotations/instances_val2017.json'


def test_data_that_is_in_no_folder(folder):
    with pytest.raises(ConfigError, match=r'--data .*animals: the data sets of .* \(shufflenet_zoo.Digits\) read no'):
        load_config('shufflenet_v2', data=str(folder))


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
@pytest.mark.parametrize('kind', ['ImageFolder', 'CustomDataset'])
def test_a_head_of_other_classes_is_refused_in_both_frameworks(kind, backend, folder, refused, tmp_path):
    pytest.importorskip(backend)
    path = tmp_path / 'mine.py'
    path.write_text(
        f"""
_base_ = {str(load_config('shufflenet-v1-1x-g3_folder').filename)!r}
train_dataloader = dict(dataset=dict(data_root={str(folder)!r}))
val_dataloader = dict(dataset=dict(data_root={str(folder)!r}))
if {kind!r} == 'CustomDataset':
    for loader in (train_dataloader, val_dataloader):
        loader['dataset'].update(_delete_=True, type='CustomDataset', pipeline=_base_.test_pipeline)
"""
    )
    refused(
        'train',
        path,
        '--backend',
        backend,
        words=['num_classes=2', '3 classes (cat, dog, emu)', '--cfg-options model.head.num_classes=3'],
    )
