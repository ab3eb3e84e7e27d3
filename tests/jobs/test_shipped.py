"""Configs by name: those of the checkout or the wheel, and what is said of names that there are not."""

import pytest
from helpers.tiny_job import ROOT

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.jobs.shipped import find_config, list_configs

CONFIGS = ROOT / 'configs'


@pytest.mark.parametrize(
    ('name', 'path'),
    [
        ('shufflenet_v1_g3', 'shufflenet_v1_g3.py'),
        ('shufflenet-v2-1x_in1k', 'imagenet/shufflenet-v2-1x_in1k.py'),
        ('detection/retinanet_shufflenet-v2-1x_digits', 'detection/retinanet_shufflenet-v2-1x_digits.py'),
    ],
)
def test_a_name_is_found_from_anywhere(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / path
    assert load_config(name).filename == str(CONFIGS / path)


def test_every_config_has_a_name_and_bases_have_none():
    assert set(list_configs()) == {
        path.relative_to(CONFIGS).with_suffix('').as_posix()
        for path in CONFIGS.rglob('*.py')
        if '_base_' not in path.parts
    }


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'shufflenet_v1_g3').write_text('a = 1')
    assert find_config('shufflenet_v1_g3').resolve() == tmp_path / 'shufflenet_v1_g3'


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('shufflenet_v1_g4', "shufflenet_v1_g4 does not exist; did you mean 'shufflenet_v1_g3'"),
        ('configs/shufflenet_v2.py', r"configs/shufflenet_v2\.py does not exist; did you mean 'shufflenet_v2'"),
        ('nothing_like_it', 'give the path of a file, or a name of those in .*configs, such as'),
        ('.', 'is a folder'),
    ],
)
def test_other_names(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        load_config(name)


def test_a_name_in_two_folders(tmp_path, monkeypatch):
    for folder in ('one', 'two'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'same.py').touch()
    monkeypatch.setattr('shufflenet_zoo.jobs.shipped.configs_folder', lambda: tmp_path)
    with pytest.raises(ConfigError, match='several configs are called same: one/same, two/same'):
        find_config('same')
    assert find_config('two/same') == tmp_path / 'two' / 'same.py'
