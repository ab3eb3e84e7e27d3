"""Configs in JSON and YAML, read as data: whatever they hold, nothing of it is run or imported.

mmengine's own reader of such files runs what YAML's tags name, imports what ``custom_imports`` lists, and its
registries import and call whatever a dotted ``type`` leads to.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config

from shufflenet_zoo.arch import SCOPE
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.datasets import as_list
from shufflenet_zoo.jobs.shipped import list_configs, shipped_path

SUFFIXES = ('.json', '.yaml', '.yml')
# A config has a few kilobytes.
_MAX_BYTES = 2**20
_BASE = '_base_'
# Ours have a dozen levels; Python's own limit is the stack's.
_DEPTH, _SHOWN = 50, 60
# Packages whose registries a config may name, and the form of a class in one of them.
_SCOPES = ('mmengine', 'mmcv', 'mmpretrain', 'mmdet', SCOPE)
_CLASS = re.compile(rf'(?:(?:{"|".join(_SCOPES)})\.)?[A-Z]\w*')
_FUNCTIONS = ('default_collate', 'pseudo_collate')
# Keys whose texts mmengine's registries look up, importing what they do not know.
_NAMES_OF_CLASSES = ('type', 'constructor', 'runner_type')
_NAMES_OF_SCOPES = ('default_scope', '_scope_')
# Keys of sizes that transforms take as tuples only, which JSON has not.
_TUPLES = ('scale', 'crop_size')


class _YamlReader(yaml.SafeLoader):
    """Reads plain values, without aliases, whose expansion can exceed all memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f'the alias *{event.anchor} is not read', event.start_mark)
        return super().compose_node(parent, index)


# As mmengine writes tuples.
_YamlReader.add_constructor(
    'tag:yaml.org,2002:python/tuple', lambda reader, node: tuple(reader.construct_sequence(node, deep=True))
)
# YAML 1.1 takes 1e-3, without a point, for a text.
_YamlReader.add_implicit_resolver(
    'tag:yaml.org,2002:float', re.compile(r'[-+]?\d+(\.\d*)?[eE][-+]?\d+$'), [*'-+0123456789']
)


def read_data_config(path: Path) -> Config:
    """Read a config in JSON or YAML with what it inherits from.

    ``_base_`` names other such files, relative to this one, or shipped configs.

    Raises:
        ConfigError: if the file cannot be read, is none, or names code.
    """
    return _read(path, ())


def _read(path: Path, inheriting: tuple[Path, ...]) -> Config:
    if path.resolve() in inheriting:
        raise ConfigError(f'config file {path} inherits from itself')
    content = _parse(path)
    _check(content, path, '')
    names = as_list(content.pop(_BASE, None))
    config = Config()
    try:
        for name in names:
            base = _read_base(name, path, (*inheriting, path.resolve()))
            config.merge_from_dict(base._cfg_dict.to_dict())
        config.merge_from_dict(content)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f'config file {path} does not fit what it inherits from: {error}') from error
    # Of mmengine's making, with the text that it keeps beside the values.
    return Config(config._cfg_dict, cfg_text=path.read_text(encoding='utf-8'), filename=path)


def _read_base(name: Any, path: Path, inheriting: tuple[Path, ...]) -> Config:
    if isinstance(name, str) and name.endswith(SUFFIXES) and '::' not in name:
        if not (path.parent / name).is_file():
            raise ConfigError(f'config file {path}: {_BASE} {name} does not exist beside it')
        return _read(path.parent / name, inheriting)
    if name not in list_configs():
        raise ConfigError(
            f'config file {path}: {_BASE} {name!r} must be another file of {", ".join(SUFFIXES)}, or the name of a '
            f'shipped config, such as shufflenet_v1_g3'
        )
    return Config.fromfile(shipped_path(name))


def _parse(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ConfigError(f'config file {path} has {size} bytes; one of more than {_MAX_BYTES} is none')
        text = path.read_text(encoding='utf-8')
        content = json.loads(text) if path.suffix == '.json' else yaml.load(text, _YamlReader)
    except (ValueError, yaml.YAMLError, RecursionError, OSError) as error:
        raise ConfigError(f'config file {path} cannot be read: {type(error).__name__}: {error}') from error
    if not isinstance(content, dict):
        raise ConfigError(f'config file {path} holds a {type(content).__name__}; a config is a dict of sections')
    return content


def _check(node: Any, path: Path, key: str) -> None:
    """Check that nothing in a config names code but by the classes of known packages; make tuples of sizes."""
    if key.count('.') > _DEPTH:
        raise ConfigError(f'config file {path} is nested more than {_DEPTH} times at {key[:_SHOWN]}')
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for name, value in [*items]:
        where = f'{key}{name}'
        if isinstance(node, Mapping):
            _check_pair(name, value, path, where)
            if name in _TUPLES and isinstance(value, list) and all(isinstance(side, int) for side in value):
                node[name] = tuple(value)
        _check(value, path, f'{where}.')


def _check_pair(name: Any, value: Any, path: Path, where: str) -> None:
    if not isinstance(name, str):
        raise ConfigError(f'config file {path}: the key {where} must be a text')
    if name == 'custom_imports':
        raise ConfigError(f'config file {path}: custom_imports names code; only a config in Python may import some')
    if name in _NAMES_OF_SCOPES and value is not None and value not in _SCOPES:
        raise ConfigError(f'config file {path}: {where}={value!r} must be one of {", ".join(_SCOPES)}')
    if (
        name in _NAMES_OF_CLASSES
        and value is not None
        and not (isinstance(value, str) and (value in _FUNCTIONS or _CLASS.fullmatch(value)))
    ):
        raise ConfigError(
            f"config file {path}: {where}={value!r} must be the name of a class, such as 'ReLU' or "
            f"'{SCOPE}.ShuffleNetV1' of {', '.join(_SCOPES)}; only a config in Python may name other code"
        )
