"""What a config says about the course of a training, read and checked before anything is built."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require

# Keys that mean something to PyTorch's processes and models alone: they may say what they say by default.
_REFUSED_KEYS = (
    'sync_bn',
    'compile',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'find_unused_parameters',
)
_AMP_LEVELS = ('O0', 'O2', 'O3', 'auto')
_MODES = ('graph', 'pynative')


@dataclass(frozen=True)
class Loop:
    """The course of a training.

    Attributes:
        by_epoch: Whether ``length`` and the intervals count epochs rather than iterations.
        length: Epochs or iterations of the training.
        val_interval: Epochs or iterations between validations.
        val_begin: The first that may be followed by a validation.
    """

    by_epoch: bool
    length: int
    val_interval: int
    val_begin: int


@dataclass(frozen=True)
class Saving:
    """When checkpoints are saved; as mmengine's CheckpointHook.

    Attributes:
        interval: Epochs or iterations between checkpoints; -1: none but the last.
        by_epoch: Which of them it counts.
        max_keep: How many are kept; -1: all.
        save_last: Whether the end of the training is always saved.
        save_best: The metrics whose best weights are kept; 'auto': the first.
        rule: 'greater', 'less' or None, by the name of the metric.
        begin: The first epoch or iteration that may be saved.
    """

    interval: int
    by_epoch: bool
    max_keep: int
    save_last: bool
    save_best: tuple[str, ...]
    rule: str | None
    begin: int

    def is_better(self, metric: str, score: float, best: float | None) -> bool:
        """Return whether a score beats the best so far."""
        less = self.rule == 'less' if self.rule else 'loss' in metric
        return best is None or (score < best if less else score > best)


@dataclass(frozen=True)
class Logging:
    """What reaches the terminal; as mmengine's LoggerHook and LogProcessor.

    Attributes:
        interval: Iterations between two lines.
        ignore_last: Whether the last iterations of an epoch that fill no interval go without a line.
        by_epoch: Whether metrics are noted by epoch rather than by iteration.
        window_size: Iterations over which losses and times are averaged.
    """

    interval: int
    ignore_last: bool
    by_epoch: bool
    window_size: int


@dataclass(frozen=True)
class Precision:
    """In what numbers the model computes.

    Attributes:
        level: MindSpore's level of mixed precision: 'O0' (none), 'O2' (float16 but BatchNorm), 'O3' or 'auto'.
        loss_scale: The config's ``loss_scale``, or None.
        mode: 'graph' or 'pynative'.
    """

    level: str
    loss_scale: Any
    mode: str


@dataclass(frozen=True)
class Hooks:
    """What ``custom_hooks`` asks for.

    Attributes:
        average: The section of an EMAHook and its key, or None.
        pipelines: Pipelines of the training data with their keys, by the epoch, from 1, that begins with them.
    """

    average: tuple[Mapping[str, Any], str] | None = None
    pipelines: Mapping[int, tuple[Sequence[Any], str]] = field(default_factory=dict)


def check_top_keys(config: Config) -> None:
    """Check the keys of a config that concern the run as a whole.

    Raises:
        ConfigError: if one asks for something that this backend does not do.
    """
    for key in _REFUSED_KEYS:
        value = config.get(key)
        require(value in (None, False, 'default', 'Runner'), key, value, 'left out')
    require(config.get('launcher', 'none') in (None, 'none'), 'launcher', config.get('launcher'), "'none'")
    for index, backend in enumerate(config.get('vis_backends') or ()):
        choose(backend, f'vis_backends.{index}', {'LocalVisBackend': None})
    for index, backend in enumerate((config.get('visualizer') or {}).get('vis_backends') or ()):
        choose(backend, f'visualizer.vis_backends.{index}', {'LocalVisBackend': None})


def read_loop(config: Config) -> Loop:
    """Read ``train_cfg``."""
    section, key = config.train_cfg, 'train_cfg'
    kinds = {'EpochBasedTrainLoop': True, 'shufflenet_zoo.EpochBasedTrainLoop': True, 'IterBasedTrainLoop': False}
    kind = choose(section, key, {**kinds, '': None}, '')
    by_epoch = section.get('by_epoch', True) if kind is None else kind
    unit = 'max_epochs' if by_epoch else 'max_iters'
    check_keys(section, key, ('by_epoch', unit, 'val_interval', 'val_begin'))
    length = section.get(unit)
    require(_is_count(length), f'{key}.{unit}', length, 'a positive number')
    interval = section.get('val_interval', 1 if by_epoch else 1000)
    require(_is_count(interval), f'{key}.val_interval', interval, 'a positive number')
    return Loop(by_epoch, length, interval, section.get('val_begin', 1))


def read_saving(config: Config, loop: Loop, metrics: Sequence[str]) -> Saving:
    """Read ``default_hooks.checkpoint``.

    Args:
        config: The config.
        loop: The course of the training.
        metrics: Names of the metrics of a validation; none where there is no validation.
    """
    key = 'default_hooks.checkpoint'
    section = _default_hooks(config)['checkpoint']
    choose(section, key, {'CheckpointHook': None, 'shufflenet_zoo.CheckpointHook': None}, 'CheckpointHook')
    check_keys(
        section,
        key,
        (
            'interval',
            'by_epoch',
            'max_keep_ckpts',
            'save_last',
            'save_best',
            'rule',
            'save_begin',
            'save_optimizer',
            'save_param_scheduler',
        ),
    )
    for name in ('save_optimizer', 'save_param_scheduler'):
        require(section.get(name, True) is True, f'{key}.{name}', section.get(name), 'True')
    by_epoch = section.get('by_epoch', True)
    require(loop.by_epoch or not by_epoch, f'{key}.by_epoch', by_epoch, 'False where train_cfg.by_epoch is False')
    best = section.get('save_best')
    best = () if best is None else (best,) if isinstance(best, str) else tuple(best)
    best = tuple(dict.fromkeys(metrics[0] if name == 'auto' and metrics else name for name in best))
    for name in best:
        require(not metrics or name in metrics, f'{key}.save_best', name, f'one of {", ".join(metrics)} or auto')
    rule = section.get('rule')
    require(rule in (None, 'greater', 'less'), f'{key}.rule', rule, "'greater', 'less' or None")
    return Saving(
        section.get('interval', -1),
        by_epoch,
        section.get('max_keep_ckpts', -1),
        section.get('save_last', True),
        best,
        rule,
        section.get('save_begin', 0),
    )


def read_logging(config: Config, loop: Loop) -> Logging:
    """Read ``default_hooks.logger`` and ``log_processor``."""
    key = 'default_hooks.logger'
    section = _default_hooks(config)['logger']
    choose(section, key, {'LoggerHook': None}, 'LoggerHook')
    check_keys(section, key, ('interval', 'ignore_last', 'interval_exp_name', 'log_metric_by_epoch'))
    processor = config.get('log_processor') or {}
    choose(processor, 'log_processor', {'LogProcessor': None}, 'LogProcessor')
    check_keys(processor, 'log_processor', ('window_size', 'by_epoch'))
    interval = section.get('interval', 10)
    require(_is_count(interval), f'{key}.interval', interval, 'a positive number')
    return Logging(
        interval,
        section.get('ignore_last', True),
        section.get('log_metric_by_epoch', loop.by_epoch),
        processor.get('window_size', 10),
    )


def read_hooks(config: Config, loop: Loop) -> Hooks:
    """Read ``custom_hooks``, of which this backend has EMAHook and SwitchRecipeHook, once each."""
    found: dict[str, Any] = {}
    for index, section in enumerate(config.get('custom_hooks') or ()):
        key = f'custom_hooks.{index}'
        name = choose(section, key, {'EMAHook': 'average', 'SwitchRecipeHook': 'pipelines'})
        require(name not in found, f'{key}.type', section.get('type'), 'there once')
        found[name] = (section, key) if name == 'average' else _read_switches(section, key, loop)
    return Hooks(**found)


def _read_switches(section: Mapping[str, Any], key: str, loop: Loop) -> dict[int, tuple[Sequence[Any], str]]:
    """Read a SwitchRecipeHook, which may change the pipeline of the training data."""
    require(loop.by_epoch, f'{key}.type', section['type'], 'left out where train_cfg.by_epoch is False')
    check_keys(section, key, ('schedule', 'priority'))
    switches: dict[int, tuple[Sequence[Any], str]] = {}
    for index, item in enumerate(section.get('schedule') or ()):
        name = f'{key}.schedule.{index}'
        check_keys(item, name, ('action_epoch', 'train_pipeline'))
        epoch = item.get('action_epoch')
        require(_is_count(epoch) and epoch not in switches, f'{name}.action_epoch', epoch, 'an epoch, each once')
        require('train_pipeline' in item, f'{name}.train_pipeline', None, 'the transforms from that epoch on')
        switches[epoch] = item['train_pipeline'], f'{name}.train_pipeline'
    return switches


def read_precision(config: Config, amp: bool) -> Precision:
    """Read what decides the precision: ``optim_wrapper.type``, ``loss_scale`` and the section ``mindspore``.

    AmpOptimWrapper, or the option --amp, means level O2; ``mindspore=dict(amp_level=...)`` names another.
    """
    wrapper = config.get('optim_wrapper') or {}
    is_mixed = amp or choose(wrapper, 'optim_wrapper', {'OptimWrapper': False, 'AmpOptimWrapper': True}, 'OptimWrapper')
    own = config.get('mindspore') or {}
    check_keys(own, 'mindspore', ('amp_level', 'mode'))
    level = own.get('amp_level', 'O2' if is_mixed else 'O0')
    require(level in _AMP_LEVELS, 'mindspore.amp_level', level, f'one of {_AMP_LEVELS}')
    mode = own.get('mode', 'graph')
    require(mode in _MODES, 'mindspore.mode', mode, f'one of {_MODES}')
    require(wrapper.get('dtype') in (None, 'float16'), 'optim_wrapper.dtype', wrapper.get('dtype'), "'float16'")
    scale = wrapper.get('loss_scale', 'dynamic' if is_mixed else None)
    return Precision(level, scale, mode)


def read_clipping(config: Config) -> float | None:
    """Read ``optim_wrapper`` apart from the optimizer; return the norm that gradients are clipped to, or None."""
    section, key = config.optim_wrapper, 'optim_wrapper'
    check_keys(
        section,
        key,
        ('optimizer', 'paramwise_cfg', 'clip_grad', 'loss_scale', 'dtype', 'accumulative_counts', 'constructor'),
    )
    counts = section.get('accumulative_counts', 1)
    require(counts == 1, f'{key}.accumulative_counts', counts, '1')
    choose(
        {'type': section.get('constructor', 'DefaultOptimWrapperConstructor')},
        f'{key}.constructor',
        {'DefaultOptimWrapperConstructor': None},
    )
    clipping = section.get('clip_grad')
    if clipping is None:
        return None
    check_keys(clipping, f'{key}.clip_grad', ('max_norm', 'norm_type'))
    require(clipping.get('type', 'norm') == 'norm', f'{key}.clip_grad.type', clipping.get('type'), "'norm'")
    require(clipping.get('norm_type', 2) == 2, f'{key}.clip_grad.norm_type', clipping.get('norm_type'), '2')
    max_norm = clipping.get('max_norm')
    require(
        isinstance(max_norm, (int, float)) and max_norm > 0, f'{key}.clip_grad.max_norm', max_norm, 'a positive number'
    )
    return float(max_norm)


def read_seed(config: Config) -> int:
    """Read ``randomness.seed``; draw one where it is None."""
    section = config.get('randomness') or {}
    check_keys(section, 'randomness', ('seed', 'deterministic', 'diff_rank_seed'))
    seed = section.get('seed')
    return random.SystemRandom().randrange(2**31) if seed is None else int(seed)


def scale_lr(config: Config, requested: bool, processes: int) -> float:
    """Return what ``auto_scale_lr`` and the option --auto-scale-lr multiply the learning rate with.

    Args:
        config: The config.
        requested: Whether the option is there.
        processes: How many processes train together; the batch size is that of each.

    Raises:
        ConfigError: if the config does not say for which batch size its learning rate is.
    """
    section = config.get('auto_scale_lr') or {}
    if not requested and not section.get('enable', False):
        return 1.0
    check_keys(section, 'auto_scale_lr', ('enable', 'base_batch_size'))
    if not section.get('base_batch_size'):
        raise ConfigError(
            f'--auto-scale-lr: {config.filename} does not say for which batch size its learning rate '
            f'is; add auto_scale_lr=dict(base_batch_size=...)'
        )
    return processes * config.train_dataloader.batch_size / section['base_batch_size']


def _default_hooks(config: Config) -> dict[str, Mapping[str, Any]]:
    """Return the sections of the hooks that this backend has; the others must be harmless."""
    hooks = dict(config.get('default_hooks') or {})
    sections = {'checkpoint': hooks.pop('checkpoint', {'interval': 1}), 'logger': hooks.pop('logger', {})}
    for name, section in sections.items():
        require(section is not None, f'default_hooks.{name}', section, 'a section; interval=-1 saves the end alone')
    harmless = {
        'timer': 'IterTimerHook',
        'param_scheduler': 'ParamSchedulerHook',
        'sampler_seed': 'DistSamplerSeedHook',
        'runtime_info': 'RuntimeInfoHook',
        'visualization': 'VisualizationHook',
    }
    check_keys(hooks, 'default_hooks', tuple(harmless))
    for name, section in hooks.items():
        key = f'default_hooks.{name}'
        if section is None:
            require(name in ('visualization', 'timer'), key, None, f"dict(type='{harmless[name]}')")
            continue
        choose(section, key, {harmless[name]: None})
        enable = section.get('enable', False)
        require(not enable, f'{key}.enable', enable, 'False')
    return sections


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
