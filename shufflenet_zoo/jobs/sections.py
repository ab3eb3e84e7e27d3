"""What kind of value each section of a config must be, checked once before anything looks into one."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.datasets import DATALOADERS, EVALUATORS, as_list

_SECTION, _TEXT, _COUNT, _FLAG = 'a section (a dict)', 'a text', 'an integer', 'True or False'
_KINDS = {_SECTION: Mapping, _TEXT: (str, PathLike), _COUNT: int, _FLAG: bool}
# What the values of keys must be, here, in the model, and in a dataloader or data set.
_OF_CONFIG = {
    _SECTION: (
        *('model', *DATALOADERS, 'train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper', 'data_preprocessor'),
        *('default_hooks', 'auto_scale_lr', 'randomness', 'env_cfg', 'log_processor', 'visualizer', 'tta_model'),
    ),
    _TEXT: ('work_dir', 'default_scope', 'load_from', 'launcher'),
}
_OF_MODEL = {_SECTION: ('backbone', 'data_preprocessor')}
_OF_DATASET = {
    _SECTION: ('dataset', 'metainfo'),
    _TEXT: ('data_root', 'ann_file'),
    _COUNT: ('batch_size', 'num_workers'),
    _FLAG: ('pin_memory', 'persistent_workers'),
}
# Keys of which each may have one section or a list of them.
_LISTED = (*EVALUATORS, 'param_scheduler', 'custom_hooks', 'vis_backends')
_LISTED_IN_MODEL = ('neck', 'head', 'bbox_head', 'rpn_head', 'roi_head')
_LISTED_IN_DATASET = ('datasets', 'pipeline')


def check_sections(config: Config) -> None:
    """Check that what must be a section of a config is one, or None, and that paths are texts.

    Raises:
        ConfigError: if one is something else.
    """
    file = str(config.filename)
    _check(file, config, '', _OF_CONFIG, _LISTED)
    _check(file, config.get('model') or {}, 'model.', _OF_MODEL, _LISTED_IN_MODEL)
    for field in DATALOADERS:
        _check_dataset(file, config.get(field) or {}, f'{field}.')


def _check_dataset(file: str, node: Mapping[str, Any], prefix: str) -> None:
    """Check a dataloader, or a data set and those in it."""
    _check(file, node, prefix, _OF_DATASET, _LISTED_IN_DATASET)
    part = node.get('data_prefix')
    for name, value in part.items() if isinstance(part, Mapping) else (('data_prefix', part),):
        _require(file, f'{prefix}{name}', value, _TEXT)
    for name in ('dataset', *_LISTED_IN_DATASET):
        for one in as_list(node.get(name)):
            if one and one.get('type') is None:
                raise ConfigError(f'{file}: {prefix}{name} has no type, but {", ".join(map(str, one))}')
            if name != 'pipeline':
                _check_dataset(file, one, f'{prefix}{name}.')


def _check(
    file: str, node: Mapping[str, Any], prefix: str, kinds: Mapping[str, tuple[str, ...]], listed: tuple[str, ...]
) -> None:
    for wanted, names in kinds.items():
        for name in names:
            _require(file, f'{prefix}{name}', node.get(name), wanted)
    for name in listed:
        for one in as_list(node.get(name)):
            _require(file, f'{prefix}{name}', one, _SECTION)


def _require(file: str, key: str, value: Any, wanted: str) -> None:
    if value is not None and not isinstance(value, _KINDS[wanted]):
        raise ConfigError(f'{file}: {key}={value!r} must be {wanted}')
