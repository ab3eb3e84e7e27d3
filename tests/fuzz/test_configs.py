"""Configs with any value changed, renamed, added or taken away: refused in one line, or prepared for a run."""

import copy
import json
from typing import Any

import pytest
from helpers.strategies import VALUES
from hypothesis import event, given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from shufflenet_zoo.errors import ArgumentError, CheckpointError, ConfigError, DataError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import complete, load_config
from shufflenet_zoo.jobs.datasets import image_size
from shufflenet_zoo.openmmlab.prepare import prepare_testing, prepare_training
from shufflenet_zoo.weights import description

REFUSALS = (ArgumentError, CheckpointError, ConfigError, DataError)
BASES = {
    name: load_config(name)._cfg_dict.to_dict()
    for name in ('shufflenet_v1_g3', 'shufflenet-v2-1x_folder', 'shufflenet-v1-1x-g3_cifar10')
}


def mutate(draw: st.DrawFn, content: dict[str, Any], values: st.SearchStrategy) -> None:
    """Change one thing somewhere in nested dicts and lists."""
    node = content
    while True:
        keys = [*node] if isinstance(node, dict) else [*range(len(node))]
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not draw(st.integers(0, 2)):
            break
        node = node[key]
    kind = draw(st.sampled_from(['change', 'change', 'rename', 'add', 'remove']))
    if kind == 'change':
        node[key] = draw(values)
    elif kind == 'remove' or isinstance(node, list):
        del node[key]
    else:
        name = draw(st.sampled_from([f'{key}s', str(key)[1:], 'type', '_scope_', 'in_channels', 'dataset', '']))
        node[name] = node.pop(key) if kind == 'rename' else draw(values)


@st.composite
def mutants(draw: st.DrawFn, content: Any, values: st.SearchStrategy = VALUES) -> Any:
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        mutate(draw, content, values)
    return content


def assert_plain(error: Exception) -> None:
    event('refused')
    assert str(error) and '\n' not in str(error)


@settings(max_examples=800)
@given(st.sampled_from([*BASES]).flatmap(lambda name: mutants(BASES[name])))
def test_configs(content):
    try:
        config = complete(Config(content, cfg_text='#', filename='config.py'))
        if config.get('model'):
            image_size(config)
        description.describe_config(config.get('model') or {})
    except REFUSALS as error:
        assert_plain(error)
        return
    for prepare in (
        lambda: prepare_training(config, TrainOptions(device='cpu'), 'cpu'),
        lambda: prepare_testing(config, 'last.pth', TestOptions(device='cpu'), 'cpu'),
    ):
        try:
            prepare()
            event('prepared')
        except REFUSALS as error:
            assert_plain(error)


DESCRIPTION = {
    'version': '1.0.0',
    'layout': 'openmmlab',
    'backbone': {'type': 'shufflenet_zoo.ShuffleNetV1', 'groups': 3, 'act_cfg': {'type': 'PReLU'}, 'out_indices': [2]},
    'class_names': ['a', 'b'],
    'preprocessing': {'mean': [1.0], 'to_rgb': True, 'pipeline': [{'type': 'CenterCrop', 'crop_size': 8}]},
}


@settings(max_examples=800)
@given(mutants(DESCRIPTION))
def test_descriptions_of_weights(content):
    try:
        found = description.from_dict(content, 'weights.pth')
    except CheckpointError as error:
        assert_plain(error)
        return
    event('read')
    json.dumps(found.backbone, default=str)


# Of JSON's types, with what would be run if it were looked up.
_OF_JSON = (None, True, -1, 3, 1e300, 'auto', '', [], {}, [1, 2], 'os.system', {'type': 'os.system'}, [{'type': 'A'}])
JSON_VALUES = st.integers(0, len(_OF_JSON) - 1).map(lambda index: copy.deepcopy(_OF_JSON[index]))


@settings(max_examples=400)
@given(content=mutants({'_base_': 'shufflenet_v1_g3', 'model': {'backbone': {'groups': 8}}}, JSON_VALUES))
def test_files_of_data(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / 'config.json'
    path.write_text(json.dumps(content))
    try:
        config = load_config(path)
    except REFUSALS as error:
        assert_plain(error)
        return
    event('read')
    assert 'os.system' not in [section.get('type') for section in (config.get('model') or {}, config)]


@pytest.mark.parametrize('name', BASES)
def test_the_bases_themselves_are_prepared(name):
    config = complete(Config(copy.deepcopy(BASES[name]), cfg_text='#', filename='config.py'))
    if name == 'shufflenet_v1_g3':
        prepare_training(config, TrainOptions(device='cpu'), 'cpu')
