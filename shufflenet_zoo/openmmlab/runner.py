"""Training and testing with mmengine's Runner, for the configs of this project, of mmpretrain and of mmdet."""

import copy
import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import mmengine
import mmengine.device.utils
import mmengine.runner
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel, convert_sync_batchnorm, revert_sync_batchnorm
from mmengine.registry import RUNNERS
from mmengine.runner import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.backbones.loading import load_fitting, load_strictly
from shufflenet_zoo.errors import CheckpointError, ConfigError, DataError, ShuffleNetZooError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.jobs.interruption import heeding_signals, outlive_sigterm
from shufflenet_zoo.jobs.launchers import is_first_process, tell_torch
from shufflenet_zoo.jobs.preflight import check_out, require_checkpoint
from shufflenet_zoo.jobs.workdir import Attempt, attempted_start, introduce, report_checkpoint
from shufflenet_zoo.openmmlab.acceleration import CompileHook, MemoryFormatHook
from shufflenet_zoo.openmmlab.checkpoint import check_optimizer, make_readable, restore_logs
from shufflenet_zoo.openmmlab.hooks import StopHook
from shufflenet_zoo.openmmlab.prepare import (
    is_detection,
    prepare_testing,
    prepare_training,
)
from shufflenet_zoo.openmmlab.seeding import IterationSeedHook, SeededDataset, SeededSampler
from shufflenet_zoo.openmmlab.terminal import quieten, silence_known_warnings
from shufflenet_zoo.weights.fetch import fetch_checkpoint, only_weights

_RUN_NUMBERS = itertools.count()
_RUN_BEGINS = ('before_train_epoch', 'before_test_epoch')
_MOMENTS_TO_INTRODUCE = ('before_train', 'before_test')


class Runner(mmengine.runner.Runner):
    """mmengine's Runner with reproducible resuming, whole checkpoints, strict loading and a quiet terminal.

    Args:
        *args: As mmengine's Runner.
        **kwargs: As mmengine's Runner.

    Attributes:
        attempt: Told when the run has begun.
    """

    attempt: Attempt | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_hook(IterationSeedHook())

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; the terminal gets progress only, the file everything."""
        logger = super().build_logger(*args, **kwargs)
        quieten(logger)
        return logger

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks of one moment of the run."""
        if self.attempt and fn_name in _RUN_BEGINS:
            self.attempt.succeeded = True
        if fn_name in _MOMENTS_TO_INTRODUCE:
            self.introduce()
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_save_checkpoint':  # after hooks that exchange weights
            make_readable(kwargs['checkpoint'], self.cfg)

    def introduce(self) -> None:
        """Log what runs on what where."""
        loops = {'to train on': self._train_loop, 'to validate': self._val_loop, 'to test': self._test_loop}
        images = {name: len(loop.dataloader.dataset) for name, loop in loops.items() if isinstance(loop, BaseLoop)}
        device = mmengine.device.get_device()
        threads = f', {torch.get_num_threads()} threads' if device == 'cpu' else ''
        processes = f', {self.world_size} processes' if self.distributed else ''
        parameters = sum(parameter.numel() for parameter in _unwrap(self.model).parameters())
        self.logger.info(introduce(self.cfg, parameters, images, f'{device}{threads}{processes}', self.work_dir))

    def build_dataloader(self, dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False) -> DataLoader:
        """Build a dataloader that names broken files; every sample of the training one gets a seed of its own."""
        if isinstance(dataloader, dict):
            is_training = dataloader is self._train_dataloader
            dataloader = copy.copy(dataloader)
            dataloader['dataset'] = {'type': SeededDataset, 'dataset': dataloader['dataset']}
            if is_training:
                dataloader['sampler'] = {
                    'type': SeededSampler,
                    'sampler': dataloader['sampler'],
                    'base_seed': self.seed,
                }
        loader = super().build_dataloader(dataloader, seed, diff_rank_seed)
        loader.worker_init_fn = partial(_begin_worker, loader.worker_init_fn)
        return loader

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for distributed training, on the CPU too."""
        if not self.distributed or mmengine.device.get_device() != 'cpu' or model_wrapper_cfg:
            return super().wrap_model(model_wrapper_cfg, model)
        if self.cfg.get('sync_bn'):
            model = convert_sync_batchnorm(model, self.cfg.sync_bn)
        elif any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
            self.logger.warning('SyncBN exists on accelerators only: every process has BatchNorms of its own')
            model = revert_sync_batchnorm(model)
        return MMDistributedDataParallel(
            module=model, broadcast_buffers=False, find_unused_parameters=self.cfg.get('find_unused_parameters', False)
        )

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint; whatever mmengine stumbles over in it is the checkpoint's fault."""
        try:
            super().resume(filename, *args, **kwargs)
            check_optimizer(self.optim_wrapper)
        except ShuffleNetZooError:
            raise
        except Exception as error:
            raise CheckpointError(
                f'checkpoint {filename} cannot be resumed: its training state is damaged, or of another config '
                f'({type(error).__name__}: {one_line(error)}); resume another one, or start from its weights with '
                f'--cfg-options load_from={filename}'
            ) from error

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = False, **kwargs: Any) -> dict:
        """Load weights; to resume or to test, the checkpoint must fit the model exactly, to start from it in part."""
        checkpoint = fetch_checkpoint(filename, map_location)
        if self._resume:
            restore_logs(checkpoint)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        starts = self._train_loop is not None and not self._resume
        (load_fitting if starts else load_strictly)(_unwrap(self.model), checkpoint, filename)
        self._has_loaded = True
        self.logger.info(f'loaded checkpoint {filename}')
        return checkpoint

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint such that a file of that name is always a whole one."""
        if '://' in out_dir or not is_main_process():
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        with replacing(Path(out_dir) / filename) as draft:
            super().save_checkpoint(out_dir, draft.name, *args, **kwargs)


def _begin_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    """Begin a data worker as its data loader says, and such that no signal ends it before the training."""
    outlive_sigterm()
    if begin:
        begin(worker)


def _unwrap(model: nn.Module) -> nn.Module:
    """Return the network inside the wrappers of distributed training and of test-time augmentation."""
    inner = getattr(model, 'module', None)
    return _unwrap(inner) if isinstance(inner, nn.Module) else model


@only_weights()
def train(config: Config, options: TrainOptions) -> None:
    """Train the model of a config; print where its checkpoint is at the end.

    Args:
        config: What load_config returned.
        options: Options of the run.

    Raises:
        ShuffleNetZooError: if the run cannot begin; nothing is left behind then.
    """
    silence_known_warnings()
    device = choose_device(options.device)
    prepared = prepare_training(config, options, device)
    owns = is_first_process(options.launcher)
    with heeding_signals() as request, attempted_start(config, prepared.work_dir, owns) as attempt:
        _init_distributed(options.launcher, device)
        runner = _build_runner(prepared, attempt)
        if isinstance(runner, Runner):
            runner.register_hook(StopHook(request))
            if options.compile:
                runner.register_hook(CompileHook())
            if options.memory_format:
                runner.register_hook(MemoryFormatHook(options.memory_format, options.compile))
        with _data_workers(runner), torch.compiler.set_stance('default'):
            runner.train()
    if is_main_process():
        report_checkpoint(config, prepared.work_dir)


@only_weights()
def test(config: Config, checkpoint: str, options: TestOptions) -> dict:
    """Evaluate a checkpoint on the test data of a config.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint.
        options: Options of the evaluation.

    Returns:
        The metrics by name.

    Raises:
        ShuffleNetZooError: if the checkpoint does not fit exactly, or the test cannot begin.
    """
    silence_known_warnings()
    check_out(options.out, options.out_item)
    require_checkpoint(checkpoint)
    device = choose_device(options.device)
    prepared = prepare_testing(config, checkpoint, options, device)
    with attempted_start(config, prepared.work_dir) as attempt:
        _init_distributed(options.launcher, device)
        runner = _build_runner(prepared, attempt)
        if not options.out:
            with _data_workers(runner):
                return runner.test()
        # Of several processes, the main one writes.
        with replacing(options.out) if is_main_process() else nullcontext(options.out) as draft:
            if options.out_item == 'pred':
                dumper = _prediction_dumper(prepared)
                runner.test_evaluator.metrics.append(dumper(out_file_path=str(draft)))
            with _data_workers(runner):
                metrics = runner.test()
            if options.out_item == 'metrics' and is_main_process():
                mmengine.dump(metrics, str(draft))
            return metrics


@contextmanager
def _data_workers(runner: mmengine.runner.Runner) -> Iterator[None]:
    """End the data workers with the run; turn what torch says of their errors, with a traceback, into one line."""
    with ExitStack() as stack:
        stack.callback(_end_data_workers, runner)
        try:
            yield
        except DataError as error:
            raise DataError(str(error).rstrip().rpartition(f'{DataError.__name__}: ')[2]) from error
        except (RuntimeError, ConnectionError, EOFError) as error:
            # torch's handler would raise once more, wherever the program is by then.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # What a killed worker had in hand breaks its connection; otherwise torch says which it was.
            if isinstance(error, RuntimeError) and not str(error).startswith('DataLoader worker'):
                raise
            # The others stay until the program ends: the killed one may have left their queue locked.
            stack.pop_all()
            raise DataError(
                f'a data worker was killed ({one_line(error).rstrip(".")}); if memory was short, lower num_workers or '
                f'batch_size; go on with --resume'
            ) from error


def _end_data_workers(runner: mmengine.runner.Runner) -> None:
    """End the workers that outlive an epoch: at the end of the program torch waits five seconds for each on a GPU."""
    for name in ('_train_loop', '_val_loop', '_test_loop'):
        loop = getattr(runner, name, None)
        iterator = getattr(loop.dataloader, '_iterator', None) if isinstance(loop, BaseLoop) else None
        if iterator is not None:
            iterator._shutdown_workers()  # torch has no public name for it


def _prediction_dumper(config: Config) -> type[DumpResults]:
    """Return the class that writes predictions; mmdet's own packs masks."""
    if not is_detection(config):
        return DumpResults
    from mmdet.evaluation import DumpDetResults

    return DumpDetResults


test.__test__ = False  # no test case, whatever its name makes pytest think


def choose_device(requested: str | None) -> str:
    """Return the device; make mmengine, which takes what it finds, use the requested one."""
    found = mmengine.device.get_device()
    if requested is None or requested == found:
        return found
    if requested == 'cuda':
        raise ConfigError('--device cuda: PyTorch finds no CUDA device here; use --device cpu')
    mmengine.device.utils.DEVICE = requested
    return requested


def _init_distributed(launcher: str, device: str) -> None:
    """Join the processes on the CPU, which mmengine's own initialisation does not do."""
    tell_torch(launcher)
    if launcher != 'none' and device == 'cpu' and not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')


def _build_runner(config: Config, attempt: Attempt) -> mmengine.runner.Runner:
    """Build the runner that the config names, else ours."""
    if number := next(_RUN_NUMBERS):
        # mmengine keeps one log per experiment, named by the second of its start.
        name = config.get('experiment_name') or Path(config.filename).stem
        config.experiment_name = f'{name}_{number}'
        # A visualizer keeps its first folder; without a name of its own it gets the experiment's.
        if config.get('visualizer'):
            config.visualizer.pop('name', None)
    if 'runner_type' in config:
        return RUNNERS.build(config)
    runner = Runner.from_cfg(config)
    runner.attempt = attempt
    return runner
