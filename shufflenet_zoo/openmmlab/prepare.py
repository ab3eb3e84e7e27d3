"""Merging the options of the command line into a config of mmengine's Runner."""

import copy
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from shufflenet_zoo.errors import ConfigError, DependencyError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.datasets import DATALOADERS, check_data
from shufflenet_zoo.jobs.preflight import require_sections
from shufflenet_zoo.jobs.workdir import choose_work_dir, latest_checkpoint
from shufflenet_zoo.openmmlab.annotations import check_detection
from shufflenet_zoo.openmmlab.checkpoint import check_resumable
from shufflenet_zoo.openmmlab.scope import enter_scope
from shufflenet_zoo.weights.file_torch import read_checkpoint

# What mmdet's flip augmentation adds to a sample, and its merging needs.
_FLIP_META_KEYS = ('flip', 'flip_direction')


def prepare_training(config: Config, options: TrainOptions, device: str) -> Config:
    """Return the config of a training run.

    Args:
        config: What the config file says.
        options: What the command line says.
        device: 'cpu' or 'cuda'.

    Raises:
        ConfigError: if the config has no training, or lacks what an option needs.
        CheckpointError: if the checkpoint to resume or to load is missing, damaged or unfit.
        DataError: if the data is not there.
        DependencyError: if a package that the config or an option needs cannot be imported.
    """
    config = copy.deepcopy(config)
    require_sections(config, 'training', ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'))
    config.work_dir = choose_work_dir(config, options.work_dir)
    config.launcher = options.launcher
    if not options.validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    check_data(config, DATALOADERS[:2])
    enter_scope(config)
    check_detection(config, DATALOADERS[:2])
    if options.auto_scale_lr:
        if not config.get('auto_scale_lr'):
            raise ConfigError(
                f'--auto-scale-lr: {config.filename} does not say for which batch size its learning '
                f'rate is; add auto_scale_lr=dict(base_batch_size=...)'
            )
        config.auto_scale_lr.enable = True
    if options.compile:
        _check_compiler(config, device)
    if options.memory_format:
        _check_memory_format(config, device)
    _choose_precision(config, options.amp, device)
    _choose_start(config, options.resume)
    _set_dataloader_defaults(
        config, DATALOADERS[:2], options.pin_memory and device != 'cpu', options.persistent_workers
    )
    _make_saving_safe(config)
    _make_resumable(config)
    return config


def prepare_testing(config: Config, checkpoint: str, options: TestOptions, device: str) -> Config:
    """Return the config of an evaluation.

    Args:
        config: What the config file says.
        checkpoint: The checkpoint to evaluate.
        options: What the command line says.
        device: 'cpu' or 'cuda'.

    Raises:
        ConfigError: if the config has no test, or an option does not fit it.
        DataError: if the data is not there.
        DependencyError: if a package that the config needs cannot be imported.
    """
    config = copy.deepcopy(config)
    require_sections(config, 'test', ('model', 'test_dataloader', 'test_evaluator'))
    config.work_dir = choose_work_dir(config, options.work_dir)
    config.launcher = options.launcher
    config.load_from, config.resume = checkpoint, False
    if config.get('test_cfg') is None:
        config.test_cfg = {}
    check_data(config, DATALOADERS[2:])
    enter_scope(config)
    check_detection(config, DATALOADERS[2:])
    if options.amp:
        if is_detection(config) and device == 'cpu':
            raise ConfigError(
                f"--amp: {config.filename} is a detector, and mmcv's operators compute in float32 only "
                f'on the CPU; leave --amp away'
            )
        config.test_cfg.fp16 = True
    if options.show or options.show_dir:
        _enable_drawing(config, options)
    if options.tta:
        _enable_tta(config)
    _set_dataloader_defaults(config, DATALOADERS[2:], options.pin_memory and device != 'cpu', False)
    # The training part would be built for its checks alone.
    for key in (
        'train_dataloader',
        'train_cfg',
        'optim_wrapper',
        'param_scheduler',
        'val_dataloader',
        'val_cfg',
        'val_evaluator',
    ):
        config.pop(key, None)
    return config


def is_detection(config: Config) -> bool:
    """Return whether a config is one for mmdet."""
    return config.get('default_scope') == 'mmdet'


def _check_compiler(config: Config, device: str) -> None:
    """Check that a training can be compiled here.

    Raises:
        ConfigError: if it is a training by another runner.
        DependencyError: if there is no compiler.
    """
    if 'runner_type' in config:
        raise ConfigError(f'--compile: {config.filename} has a runner_type, whose own key is compile=True')
    compiler = os.environ.get('CXX', 'g++')
    if device == 'cpu' and shutil.which(compiler) is None:
        raise DependencyError(
            f'--compile needs a C++ compiler, and there is no {compiler}; install one or name it in CXX'
        )


def _check_memory_format(config: Config, device: str) -> None:
    """Check that a training can store feature maps as the command line says.

    Raises:
        ConfigError: if it is a training by another runner, or not on the CPU.
    """
    if 'runner_type' in config:
        raise ConfigError(f'--memory-format: {config.filename} has a runner_type, which takes no such option')
    if device != 'cpu':
        raise ConfigError(f'--memory-format is for training on a CPU; leave it out on {device}, or add --device cpu')


def _choose_precision(config: Config, amp: bool, device: str) -> None:
    """Choose the optimizer wrapper for mixed precision; mmengine's own runs on accelerators only."""
    wrapper = config.optim_wrapper
    if amp and str(wrapper.get('type', 'OptimWrapper')).endswith('OptimWrapper'):
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    if device == 'cpu' and wrapper.get('type') in ('AmpOptimWrapper', 'mmengine.AmpOptimWrapper'):
        print('mixed precision on the CPU: bfloat16, without loss scaling')
        wrapper.type = 'shufflenet_zoo.CpuAmpOptimWrapper'
        for key in ('loss_scale', 'dtype', 'use_fsdp'):
            wrapper.pop(key, None)


def _choose_start(config: Config, resume: str | None) -> None:
    """Decide from what to start; check the checkpoint before anything is built."""
    path = latest_checkpoint(config.work_dir) if resume == 'auto' else resume
    if resume is None and config.get('resume'):
        path = config.get('load_from') or latest_checkpoint(config.work_dir)
    if path is None:
        if resume == 'auto':
            print(f'no checkpoint in {config.work_dir} yet: training from the beginning')
        config.resume = False
        return
    checkpoint = read_checkpoint(path)
    check_resumable(checkpoint, path)
    config.resume, config.load_from = True, str(path)
    # The order of the samples is drawn before mmengine reads the seed from the checkpoint.
    seed = checkpoint['meta'].get('seed')
    if seed is not None:
        config.randomness = dict(config.get('randomness') or {}, seed=seed)


def _set_dataloader_defaults(config: Config, fields: tuple[str, ...], pin_memory: bool, persistent: bool) -> None:
    for field in fields:
        loader = config.get(field)
        if not loader:
            continue
        if config.get('default_scope') == 'mmpretrain':
            loader.setdefault('collate_fn', {'type': 'default_collate'})
        has_workers = bool(loader.get('num_workers'))
        loader.pin_memory = loader.get('pin_memory', True) and pin_memory
        loader.persistent_workers = loader.get('persistent_workers', True) and persistent and has_workers


def _make_saving_safe(config: Config) -> None:
    """Replace mmengine's checkpoint hook by ours of the same arguments."""
    hooks = config.get('default_hooks') or {}
    hook = hooks.setdefault('checkpoint', {'type': 'CheckpointHook', 'interval': 1})
    if isinstance(hook, Mapping) and hook.get('type') in ('CheckpointHook', 'mmengine.CheckpointHook'):
        hook['type'] = 'shufflenet_zoo.CheckpointHook'
    config.default_hooks = hooks


def _make_resumable(config: Config) -> None:
    """Replace mmengine's loop over epochs by ours, which goes on in the middle of one."""
    loop = config.train_cfg
    is_ours = loop.get('by_epoch') is True or loop.get('type') in (
        'EpochBasedTrainLoop',
        'mmengine.EpochBasedTrainLoop',
    )
    if is_ours and 'runner_type' not in config:
        loop.pop('by_epoch', None)
        loop['type'] = 'shufflenet_zoo.EpochBasedTrainLoop'


def _enable_drawing(config: Config, options: TestOptions) -> None:
    hook = (config.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise ConfigError(
            f'{config.filename}: --show and --show-dir need a visualization hook in default_hooks, '
            f"such as dict(type='VisualizationHook')"
        )
    arguments: dict[str, Any] = {'show': options.show, 'wait_time': options.wait_time, 'interval': options.interval}
    if str(hook.type).endswith('DetVisualizationHook'):
        # Its folder lies inside the log directory unless the path is absolute.
        folder = str(Path(options.show_dir).absolute()) if options.show_dir else None
        arguments |= {'draw': True, 'test_out_dir': folder}
    else:
        arguments |= {'enable': True, 'out_dir': options.show_dir}
    hook.update(arguments)


def _enable_tta(config: Config) -> None:
    """Wrap the model and the test pipeline for test-time augmentation."""
    detection = is_detection(config)
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    if config.get('tta_model') is None:
        nms = {'nms': {'type': 'nms', 'iou_threshold': 0.5}, 'max_per_img': 100}
        config.tta_model = (
            {'type': 'DetTTAModel', 'tta_cfg': nms} if detection else {'type': 'mmpretrain.AverageClsScoreTTA'}
        )
    if config.get('tta_pipeline') is None:
        *transforms, pack = copy.deepcopy(dataset.pipeline)
        if detection:
            pack['meta_keys'] = (*pack.get('meta_keys', ()), *_FLIP_META_KEYS)
        flips = [{'type': 'RandomFlip', 'prob': 1.0}, {'type': 'RandomFlip', 'prob': 0.0}]
        config.tta_pipeline = [*transforms, {'type': 'TestTimeAug', 'transforms': [flips, [pack]]}]
    config.model = ConfigDict(**config.tta_model, module=config.model)
    dataset.pipeline = config.tta_pipeline
