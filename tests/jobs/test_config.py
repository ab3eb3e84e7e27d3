"""Reading configs: overrides, derived channels, data folders, and what is refused."""

import ast

import pytest

from shufflenet_zoo.errors import ConfigError, DataError
from shufflenet_zoo.jobs.config import load_config, parse_overrides
from shufflenet_zoo.jobs.datasets import check_data

MODEL = """
model = dict(
    backbone=dict(type='shufflenet_zoo.ShuffleNetV1', groups=3, widen_factor=0.5, out_indices={indices}),
    neck=dict(type='FPN', in_channels='auto'),
    head=dict(type='LinearClsHead', in_channels='auto'),
)
train_cfg = dict(max_epochs=3)
hooks = [dict(type='A', n=1)]
"""


@pytest.fixture
def config_file(tmp_path):
    def write(text):
        path = tmp_path / 'config.py'
        path.write_text(text)
        return path

    return write


def test_auto_channels(config_file):
    config = load_config(config_file(MODEL.format(indices='(0, 1, 2)')))
    assert config.model.neck.in_channels == [120, 240, 480]
    assert config.model.head.in_channels == 480


def test_auto_channels_follow_overrides(config_file):
    config = load_config(config_file(MODEL.format(indices='(2,)')), {'model.backbone.widen_factor': 1.0})
    assert config.model.head.in_channels == 960


def test_auto_channels_need_a_known_backbone(config_file):
    path = config_file(MODEL.format(indices='(2,)').replace('shufflenet_zoo.ShuffleNetV1', 'ResNet'))
    with pytest.raises(ConfigError, match=r"neck.in_channels='auto'.*ResNet"):
        load_config(path)


@pytest.mark.parametrize('name, wrong, given', [('neck', '[1, 2, 3]', '[120, 240, 480]'), ('head', '960', '480')])
def test_numbers_that_do_not_fit_the_backbone(config_file, name, wrong, given):
    text = MODEL.format(indices='(0, 1, 2)')
    overrides = {f'model.{name}.in_channels': ast.literal_eval(wrong)}
    if name == 'head':
        overrides['model.neck'] = None
    with pytest.raises(ConfigError) as error:
        load_config(config_file(text), overrides)
    assert f'model.{name}.in_channels={wrong}, and the backbone gives {given}' in str(error.value)


def test_overrides(config_file):
    path = config_file(MODEL.format(indices='(2,)'))
    config = load_config(path, parse_overrides(['train_cfg.max_epochs=7', 'hooks.0.n=2', 'load_from=a.pth']))
    assert config.train_cfg.max_epochs == 7
    assert config.hooks[0].n == 2
    assert config.load_from == 'a.pth'


@pytest.mark.parametrize(
    ('pair', 'message'),
    [
        ('train_cfg.max_epochs', 'must be key=value'),
        ('=3', 'must be key=value'),
        ('trian_cfg.max_epochs=3', "no key 'trian_cfg'; did you mean 'train_cfg'"),
        ('model.backbone.grups=3', "no such key; did you mean 'model.backbone.groups'"),
        ('train_cfg=3', 'is a section.*max_epochs'),
        ('train_cfg.max_epochs=3+x', 'must be a number, as 3'),
        ('train_cfg.max_epochs.x=3', 'does not fit'),
        ('hooks.5.n=3', 'does not fit'),
        ('train_cfg.max_epochs=[1,2', 'cfg-options'),
    ],
)
def test_wrong_overrides(config_file, pair, message):
    path = config_file(MODEL.format(indices='(2,)'))
    with pytest.raises(ConfigError, match=message):
        load_config(path, parse_overrides([pair]))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', 'SyntaxError'),
        ('_base_ = ["absent.py"]', 'absent.py'),
        ('model = undefined_name', 'undefined_name'),
    ],
)
def test_damaged_config(config_file, text, message):
    path = config_file(text)
    with pytest.raises(ConfigError, match=f'{path}.*{message}'):
        load_config(path)


def test_missing_config(tmp_path):
    with pytest.raises(ConfigError, match=r'absent\.py does not exist'):
        load_config(tmp_path / 'absent.py')


DATA = """
train_dataloader = dict(dataset=dict(type='RepeatDataset', dataset=dict(
    type='CustomDataset', data_root={root!r}, data_prefix=dict(img_path='train'), ann_file={ann!r})))
"""


@pytest.mark.parametrize(
    ('present', 'ann', 'missing'),
    [
        ((), '', ''),
        (('train',), '', None),
        (('val',), '', 'train'),
        (('train',), 'list.txt', 'list.txt'),
    ],
)
def test_missing_data(config_file, tmp_path, present, ann, missing):
    root = tmp_path / 'data'
    for folder in present:
        (root / folder).mkdir(parents=True)
    config = load_config(config_file(DATA.format(root=str(root), ann=ann)))
    if missing is None:
        check_data(config, ('train_dataloader', 'val_dataloader'))
    else:
        with pytest.raises(DataError, match=rf'{root / missing} does not exist.*train_dataloader\.dataset\.dataset'):
            check_data(config, ('train_dataloader',))
