"""Reading config files, for both backends: the errors a user can make there, and the channels nobody types.

Needs mmengine's Config only; neither torch nor mindspore.
"""

import argparse
import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from shufflenet_zoo.arch import SCOPE, feature_channels
from shufflenet_zoo.arch.architecture import family_of
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.jobs.data_config import SUFFIXES as DATA_SUFFIXES
from shufflenet_zoo.jobs.data_config import read_data_config
from shufflenet_zoo.jobs.datasets import DATALOADERS, as_list, use_data
from shufflenet_zoo.jobs.sections import check_sections
from shufflenet_zoo.jobs.shipped import find_config
from shufflenet_zoo.jobs.typos import find_typo

# The value of `in_channels` in a neck or head that stands for "what comes out of the part before".
AUTO = 'auto'
# Top-level keys that the runners read; --cfg-options may set them though the config file does not.
RUNNER_KEYS = frozenset(
    (
        'model',
        'work_dir',
        *DATALOADERS,
        'train_cfg',
        'val_cfg',
        'test_cfg',
        'auto_scale_lr',
        'optim_wrapper',
        'param_scheduler',
        'val_evaluator',
        'test_evaluator',
        'default_hooks',
        'custom_hooks',
        'data_preprocessor',
        'load_from',
        'resume',
        'launcher',
        'env_cfg',
        'log_processor',
        'log_level',
        'visualizer',
        'default_scope',
        'randomness',
        'experiment_name',
        'runner_type',
        'model_wrapper_cfg',
        'find_unused_parameters',
        'sync_bn',
        'compile',
        'activation_checkpointing',
        'efficient_conv_bn_eval',
        'custom_imports',
        'tta_model',
        'tta_pipeline',
    )
)


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None, data: str | None = None) -> Config:
    """Read a config file, apply overrides and fill in the channels that are 'auto'.

    Args:
        path: The config file, in Python, JSON or YAML, or the name of a shipped config.
        overrides: Values by dotted key, as in ``{'train_cfg.max_epochs': 3}``; they replace the file's.
        data: The folder of the data, in place of that in the file. Default: None, the file's.

    Raises:
        ConfigError: if the file is missing or damaged, or an override does not fit it.
        DataError: if there is no such folder of data.
    """
    path = find_config(path)
    try:
        with warnings.catch_warnings():
            # mmengine looks up mmdet::... bases with it.
            warnings.filterwarnings('ignore', message='.*pkg_resources')
            config = read_data_config(path) if path.suffix in DATA_SUFFIXES else Config.fromfile(path)
    except ConfigError:
        raise
    except Exception as error:  # a config is code: whatever it raises is the config's fault
        first = _first_import_error(error)
        raise ConfigError(f'config file {path} cannot be read: {describe(first)}') from error
    return complete(config, overrides, data)


def complete(config: Config, overrides: Mapping[str, Any] | None = None, data: str | None = None) -> Config:
    """Check the sections of a config as it was read, apply overrides and fill in the channels that are 'auto'.

    Args:
        config: It is changed.
        overrides: As of ``load_config``.
        data: As of ``load_config``.

    Raises:
        ConfigError: if a section is none, or an override does not fit.
        DataError: if there is no such folder of data.
    """
    _leave_scope(config._cfg_dict)
    check_sections(config)
    if data is not None:
        use_data(config, data)
    if overrides:
        _apply_overrides(config, overrides)
        check_sections(config)
    fill_channels(config)
    return config


def _leave_scope(node: Any) -> None:
    """Take our scope from what mmengine inherited of shufflenet_zoo::..., whose types are mmpretrain's or mmdet's."""
    if isinstance(node, dict):
        if node.get('_scope_') == SCOPE:
            del node['_scope_']
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for inner in node:
            _leave_scope(inner)


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Parse the pairs of ``--cfg-options key=value ...``; lists are written ``key=[a,b]`` or ``key=a,b``.

    Raises:
        ConfigError: if a pair has no equals sign or its value has unbalanced brackets.
    """
    for pair in pairs:
        if not pair.partition('=')[0] or '=' not in pair:
            raise ConfigError(f'--cfg-options {pair}: must be key=value')
    parser = argparse.ArgumentParser()
    parser.add_argument('pairs', nargs='*', action=DictAction)
    try:
        return parser.parse_args(['--', *pairs]).pairs or {}
    except (AssertionError, ValueError) as error:
        raise ConfigError(f'--cfg-options {" ".join(pairs)}: {one_line(error)}') from error


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line."""
    return ' '.join(str(error).split())


def describe(error: BaseException) -> str:
    """Return the class and the message of an error as one line; of mmcv's missing operators also what they are."""
    line = f'{type(error).__name__}: {one_line(error)}'
    if isinstance(error, ImportError) and error.name == 'mmcv._ext':
        line += ", mmcv's compiled operators, which mmcv-lite lacks; requirements/install_mmcv.sh installs them"
    return line


def _first_import_error(error: BaseException) -> BaseException:
    """Return why an import failed: of failed custom_imports, mmengine tells sys.path instead."""
    while isinstance(error, ImportError) and (earlier := error.__cause__ or error.__context__):
        error = earlier
    return error


def _apply_overrides(config: Config, overrides: Mapping[str, Any]) -> None:
    known = RUNNER_KEYS | set(config.keys())
    for key, value in overrides.items():
        top = key.split('.')[0]
        if top not in known:
            close = difflib.get_close_matches(top, known, n=1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            raise ConfigError(f'--cfg-options {key}: {config.filename} has no key {top!r}{hint}')
        if meant := find_typo(config, key):
            raise ConfigError(f'--cfg-options {key}: {config.filename} has no such key; did you mean {meant!r}?')
        current = _value_at(config, key.split('.'))
        if isinstance(current, Mapping) and value is not None and not isinstance(value, Mapping):
            raise ConfigError(
                f'--cfg-options {key}={value!r}: {key} is a section of {config.filename}, not a value; '
                f'name one of its keys: {", ".join(map(str, current))}'
            )
        if _is_number(current) and isinstance(value, str) and not value.isidentifier():
            raise ConfigError(f'--cfg-options {key}={value!r}: must be a number, as {current!r} in {config.filename}')
        try:
            config.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError) as error:
            raise ConfigError(
                f'--cfg-options {key}={value!r} does not fit {config.filename}: {one_line(error)}'
            ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _value_at(config: Any, keys: list[str]) -> Any:
    """Return what a dotted key names in the config, or None."""
    for key in keys:
        if isinstance(config, (list, tuple)) and key.isdigit() and int(key) < len(config):
            config = config[int(key)]
        elif isinstance(config, (Mapping, Config)):
            config = config.get(key)
        else:
            return None
    return config


def fill_channels(config: Config) -> None:
    """Replace ``in_channels='auto'`` in the model's neck and head by what the backbone gives, and check numbers.

    A neck that has ``out_channels`` (FPN) takes the list of the backbone's outputs; the head of a classifier
    takes the channels of the last output, because global pooling keeps them.

    Raises:
        ConfigError: if the backbone is none of this project's where it must be known, its arguments cannot be built,
            or a number is another than it gives.
    """
    model = config.get('model') or {}
    for name in ('neck', 'head', 'bbox_head', 'rpn_head'):
        for part in as_list(model.get(name)):
            if isinstance(part, Mapping) and part.get('in_channels') == AUTO:
                channels = _backbone_channels(config, name)
                part['in_channels'] = channels if name == 'neck' else channels[-1]
    _check_channels(config, model)


def _check_channels(config: Config, model: Mapping) -> None:
    """Check the channels of what stands behind a backbone of ours: a neck of many maps, or a classifier's head."""
    if not str((model.get('backbone') or {}).get('type')).startswith(f'{SCOPE}.'):
        return
    channels = _backbone_channels(config, 'backbone')
    neck, head = model.get('neck') or {}, model.get('head') or {}
    if isinstance(neck, Mapping) and isinstance(neck.get('in_channels'), (list, tuple)):
        name, found, given = 'neck', list(neck['in_channels']), channels
    elif 'in_channels' in head and 'in_channels' not in neck:
        name, found, given = 'head', head['in_channels'], channels[-1]
    else:
        return
    if found != given:
        raise ConfigError(
            f'{config.filename}: model.{name}.in_channels={found}, and the backbone gives {given}; write that, or '
            f'{AUTO!r}, which follows the backbone'
        )


def _backbone_channels(config: Config, name: str) -> list[int]:
    backbone = config.model.get('backbone') or {}
    try:
        family_of(backbone)
    except ArgumentError as error:
        raise ConfigError(
            f'{config.filename}: model.{name}.in_channels={AUTO!r} cannot be filled in: {error}'
        ) from error
    try:
        return feature_channels(backbone)
    except ArgumentError as error:
        raise ConfigError(f'{config.filename}: model.backbone: {error}') from error
