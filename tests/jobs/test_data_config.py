"""Configs in JSON and YAML: what Python's say, inherited and run, and nothing that could be code."""

import json

import pytest
import yaml
from helpers.tiny_job import write_config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.config import load_config


def plain(value):
    """A config's value with its tuples as lists."""
    return json.loads(json.dumps(value))


def write(path, content):
    path.write_text(json.dumps(content) if path.suffix == '.json' else yaml.safe_dump(content))
    return path


@pytest.mark.parametrize('suffix', ['.json', '.yaml', '.yml'])
@pytest.mark.parametrize('name', ['shufflenet_v1_g3', 'imagenet/shufflenet-v2-1x_in1k'])
def test_the_same_as_in_python(name, suffix, tmp_path):
    expected = plain(load_config(name)._cfg_dict.to_dict())
    assert plain(load_config(write(tmp_path / f'config{suffix}', expected))._cfg_dict.to_dict()) == expected


def test_inherits_from_shipped_configs_and_from_files_of_data(tmp_path):
    write(tmp_path / 'base.json', {'_base_': 'shufflenet_v1_g3', 'model': {'backbone': {'groups': 8}}})
    scheduler = {'_delete_': True, 'type': 'SGD', 'lr': 0.1}
    write(tmp_path / 'leaf.yaml', {'_base_': ['base.json'], 'optim_wrapper': {'optimizer': scheduler}})
    config = load_config(tmp_path / 'leaf.yaml', {'model.head.in_channels': 'auto', 'train_cfg.max_epochs': 2})
    assert config.model.backbone.to_dict() == load_config('shufflenet_v1_g3').model.backbone.to_dict() | {'groups': 8}
    assert config.model.head.in_channels == 1536
    assert config.optim_wrapper.optimizer.to_dict() == {'type': 'SGD', 'lr': 0.1}
    assert config.train_cfg.max_epochs == 2


def test_what_yaml_and_json_lack(tmp_path):
    (tmp_path / 'a.yaml').write_text('model: {lr: 1e-3, topk: !!python/tuple [1, 5], scale: [4, 2]}')
    assert load_config(tmp_path / 'a.yaml').model.to_dict() == {'lr': 0.001, 'topk': (1, 5), 'scale': (4, 2)}


@pytest.mark.parametrize(
    ('name', 'text', 'told'),
    [
        ('a.yaml', 'model: !!python/object/apply:os.system ["{command}"]', 'could not determine a constructor'),
        ('a.yaml', 'model: !!python/name:os.system', 'could not determine a constructor'),
        ('a.yaml', 'a: &a [1]\nb: [*a, *a]', r'the alias \*a is not read'),
        ('a.yaml', 'model: {1: 2}', 'the key model.1 must be a text'),
        (
            'a.json',
            '{"model": {"type": "os.system", "command": "{command}"}}',
            "model.type='os.system' must be",
        ),
        ('a.json', '{"model": {"type": "hostile"}}', 'must be the name of a class'),
        ('a.json', '{"model": {"neck": [{"type": "hostile.Net"}]}}', 'model.neck.0.type'),
        ('a.json', '{"model": {"type": ["A"]}}', 'must be the name of a class'),
        ('a.json', '{"optim_wrapper": {"constructor": "hostile.build"}}', 'optim_wrapper.constructor'),
        ('a.json', '{"default_scope": "hostile"}', 'default_scope'),
        ('a.json', '{"model": {"_scope_": "hostile"}}', 'model._scope_'),
        ('a.json', '{"custom_imports": {"imports": ["hostile"]}}', 'custom_imports names code'),
        ('a.json', '{"_base_": "hostile.py"}', "'hostile.py' must be another file of .json"),
        ('a.json', '{"_base_": "hostile::a.json"}', 'must be another file'),
        ('a.json', '{"_base_": "absent.json"}', 'absent.json does not exist beside it'),
        ('a.json', '{"_base_": "a.json"}', 'inherits from itself'),
        ('a.json', '{"_base_": "shufflenet_v1_g3", "model": 3}', 'model=3 must be a section'),
        ('a.json', '{"filename": "{{ fileDirname }}"}', 'filename is reserved'),
        ('a.json', '[1]', 'holds a list'),
        ('a.json', '{', 'cannot be read: JSONDecodeError'),
        ('a.json', '{"a":' * 60 + '1' + '}' * 60, 'nested more than 50 times'),
        ('a.json', '[' * 100_000, 'cannot be read: RecursionError'),
        ('a.yaml', '[' * 100_000, 'cannot be read'),
        ('a.json', '{"a": "' + 'x' * 2**20 + '"}', 'one of more than 1048576 is none'),
    ],
)
def test_what_is_more_than_data_is_refused(name, text, told, tmp_path, monkeypatch):
    mark = tmp_path / 'ran'
    code = f'import os; os.system("touch {mark}")\nclass Net: pass\nbuild = Net\n'
    (tmp_path / 'hostile.py').write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / name).write_text(text.replace('{command}', f'touch {mark}'))
    with pytest.raises(ConfigError, match=told) as caught:
        load_config(tmp_path / name)
    assert '\n' not in str(caught.value)
    assert not mark.exists()


def test_variables_of_the_environment_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv('SECRET', 'secret')
    write(tmp_path / 'a.json', {'work_dir': '{{$SECRET:none}}', 'load_from': '{{ fileDirname }}'})
    config = load_config(tmp_path / 'a.json')
    assert (config.work_dir, config.load_from) == ('{{$SECRET:none}}', '{{ fileDirname }}')


@pytest.mark.parametrize('backend', ['torch', pytest.param('mindspore', marks=pytest.mark.slow)])
@pytest.mark.parametrize('suffix', ['.json', '.yaml'])
def test_tools_take_them(suffix, backend, call, tmp_path):
    content = plain(load_config(write_config(tmp_path / 'job.py'))._cfg_dict.to_dict())
    config = write(tmp_path / f'data{suffix}', content)
    options = ('--work-dir', 'work', '--backend', backend)
    status, _, errors = call('train', config, *options, '--cfg-options', 'train_cfg.max_epochs=1')
    assert status == 0, errors
    checkpoint = next(path for path in tmp_path.glob('work/epoch_1.*') if path.suffix in ('.pth', '.ckpt'))
    status, _, errors = call('test', config, checkpoint, *options)
    assert status == 0, errors
    assert call('model_info', config)[0] == 0
