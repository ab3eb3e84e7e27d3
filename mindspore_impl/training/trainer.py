"""Trains and tests the models of config files in MindSpore."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import mindspore as ms
import mmengine
import numpy as np
from mindspore import Parameter, nn
from mmengine.config import Config
from scipy.special import softmax

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.datasets import DATALOADERS, check_data
from shufflenet_zoo.jobs.interruption import STEM, SignalRequest, heeding_signals, stopped_at
from shufflenet_zoo.jobs.preflight import check_out, require_checkpoint, require_sections
from shufflenet_zoo.jobs.workdir import (
    attempted_start,
    choose_work_dir,
    diverged,
    introduce,
    latest_checkpoint,
    note_last,
    report_checkpoint,
)
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights, save_weights
from shufflenet_zoo.mindspore_impl.classifier import build_classifier
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, require
from shufflenet_zoo.mindspore_impl.data.datasets import choose_dataset
from shufflenet_zoo.mindspore_impl.data.loader import DataLoader
from shufflenet_zoo.mindspore_impl.data.preprocessor import build_preprocessor
from shufflenet_zoo.mindspore_impl.processes import ALONE, Processes, join
from shufflenet_zoo.mindspore_impl.training import recipe
from shufflenet_zoo.mindspore_impl.training.ema import WeightAverage
from shufflenet_zoo.mindspore_impl.training.evaluation import LOSS, Evaluation, Evaluator
from shufflenet_zoo.mindspore_impl.training.loss_scale import build_loss_scale
from shufflenet_zoo.mindspore_impl.training.metrics import build_evaluator
from shufflenet_zoo.mindspore_impl.training.optimizers import build_optimizer
from shufflenet_zoo.mindspore_impl.training.run_log import RunLog, format_time_left, format_values
from shufflenet_zoo.mindspore_impl.training.schedules import LearningRates
from shufflenet_zoo.mindspore_impl.training.train_step import TrainStep
from shufflenet_zoo.mindspore_impl.training.training_state import (
    SUFFIX,
    Position,
    load_state,
    remove_checkpoint,
    restore,
    save_state,
)
from shufflenet_zoo.weights.description import Description, describe_config, innermost
from shufflenet_zoo.weights.values import fault_of

# Both backends may train the same config: in one work directory each would overwrite the other's notes.
_WORK_DIR_SUFFIX = '_mindspore'
_MOMENT = f'{STEM}{SUFFIX}'


def train(config: Config, options: TrainOptions) -> None:
    """Train the model of a config; print where its checkpoint is at the end.

    Args:
        config: What load_config returned.
        options: Options of the run.

    Raises:
        ShuffleNetZooError: if the run cannot begin; nothing is left behind then.
    """
    config = copy.deepcopy(config)
    require_sections(config, 'training', ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'))
    _check_options(options.launcher, options.device)
    require(not options.compile, '--compile', True, 'left out: this backend compiles every training')
    name = options.memory_format
    require(not name, '--memory-format', name, 'left out: MindSpore chooses it on its own')
    if not options.validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    _check_data(config, DATALOADERS[:2])
    work_dir = _choose_work_dir(config, options.work_dir)
    processes = join()
    is_main = processes.is_main
    with heeding_signals() as request, attempted_start(config, str(work_dir), owns=is_main) as attempt:
        trainer = Trainer(config, options, work_dir, processes)
        trainer.log = RunLog(config, work_dir, trainer.logging.window_size, is_silent=not is_main)
        attempt.succeeded = True
        images = {'to train on': len(trainer.loader.dataset)}
        if trainer.evaluator:
            images['to validate'] = trainer.evaluator.num_images
        trainer.log.say(introduce(config, _count_parameters(trainer.model), images, _device(processes), work_dir))
        trainer.run(request)
    if is_main:
        report_checkpoint(config, work_dir)


def test(config: Config, checkpoint: str, options: TestOptions) -> dict[str, float]:
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
    for name in ('show', 'show_dir', 'tta'):
        require(not getattr(options, name), f'--{name.replace("_", "-")}', getattr(options, name), 'left out')
    _check_options(options.launcher, options.device)
    check_out(options.out, options.out_item)
    require_checkpoint(checkpoint)
    require_sections(config, 'test', ('model', 'test_dataloader', 'test_evaluator'))
    _check_data(config, DATALOADERS[2:])
    work_dir = _choose_work_dir(config, options.work_dir)
    processes = join()
    with attempted_start(config, str(work_dir)) as attempt:
        precision = recipe.read_precision(config, options.amp)
        recipe.check_top_keys(config)
        _set_up_mindspore(precision.mode, seed=0)
        model, loss = _build_model(config, precision.level if options.amp else 'O0')
        load_weights(model, checkpoint)
        evaluator = _build_evaluator(config, 'test', model, loss, processes)
        log = RunLog(config, work_dir, is_silent=not processes.is_main)
        attempt.succeeded = True
        images = {'to test': evaluator.num_images}
        log.say(introduce(config, _count_parameters(model), images, _device(processes), work_dir))
        evaluation = evaluator.run()
    log.say(
        f'Epoch(test) [{evaluator.num_batches}/{evaluator.num_batches}]  '
        f'{format_values({**evaluation.metrics, "test_loss": evaluation.loss, **evaluation.times})}'
    )
    log.write_results({**evaluation.metrics, **evaluation.times})
    log.close()
    if options.out and processes.is_main:
        _write_out(options.out, options.out_item, evaluation)
    return evaluation.metrics


test.__test__ = False  # no test case, whatever its name makes pytest think


class Trainer:
    """A training: everything that a config asks for, checked and built.

    Args:
        config: The config.
        options: Options of the run.
        work_dir: Where checkpoints and logs go.
        processes: The processes that train together; the main one writes. Default: a single one.

    Attributes:
        log: Takes the reports of the run; must be set before it.

    Raises:
        ShuffleNetZooError: if the training cannot begin.
    """

    log: RunLog
    _lr = 0.0

    def __init__(self, config: Config, options: TrainOptions, work_dir: Path, processes: Processes = ALONE) -> None:
        self.work_dir, self.processes = work_dir, processes
        recipe.check_top_keys(config)
        self.loop = recipe.read_loop(config)
        self.logging = recipe.read_logging(config, self.loop)
        precision = recipe.read_precision(config, options.amp)
        max_norm = recipe.read_clipping(config)
        hooks = recipe.read_hooks(config, self.loop)
        start = _find_start(config, options.resume, work_dir, processes.is_main)
        self.position, arrays = self._find_position(config, start)

        _set_up_mindspore(precision.mode, self.position.seed)
        self.model, loss = _build_model(config, precision.level)
        self.loader = _build_loader(config, 'train', self.position.seed, processes)
        require(
            self.loader.round_up or processes.count == 1,
            'train_dataloader.sampler.round_up',
            self.loader.round_up,
            'True where several processes train: they need equally many samples',
        )
        for epoch, (pipeline, key) in hooks.pipelines.items():
            self.loader.switch_pipeline(epoch - 1, pipeline, key)
        self.description = _describe(config, self.loader.dataset.class_names)
        self.epoch_length = len(self.loader)
        self.max_iters = self.loop.length * (self.epoch_length if self.loop.by_epoch else 1)
        has_validation = config.get('val_dataloader') is not None
        self.evaluator = _build_evaluator(config, 'val', self.model, loss, processes) if has_validation else None
        self.saving = recipe.read_saving(config, self.loop, self.evaluator.names if self.evaluator else ())

        lr_factor = recipe.scale_lr(config, options.auto_scale_lr, processes.count)
        self.optimizer = build_optimizer(self.model, config.optim_wrapper, lr_factor)
        self.rates = LearningRates(
            config.get('param_scheduler'),
            self.optimizer.base_lrs,
            self.epoch_length,
            self.loop.length if self.loop.by_epoch else None,
            self.max_iters,
        )
        self.average = WeightAverage(self.model, *hooks.average) if hooks.average else None
        scale = precision.loss_scale
        self.loss_scale = None if scale is None else build_loss_scale(scale, 'optim_wrapper.loss_scale')
        self.step = TrainStep(self.model, loss, self.optimizer, self.loss_scale, max_norm, processes)
        self._take_start(start, arrays, config.get('load_from'))

    def _find_position(self, config: Config, start: Path | None) -> tuple[Position, dict[str, np.ndarray]]:
        """Return where the training begins, and the arrays of the checkpoint that it resumes."""
        count = self.processes.count
        if not start:
            return Position(self.processes.agree(recipe.read_seed(config)), processes=count), {}
        position, arrays = load_state(start)
        if position.processes != count:
            raise CheckpointError(
                f'checkpoint {start} was trained by {position.processes} processes, and there are {count}: their '
                f'iterations differ; resume with as many, or start from its weights with --cfg-options '
                f'load_from={start}'
            )
        return position, arrays

    def _take_start(self, resumed: Path | None, arrays: Mapping[str, np.ndarray], weights: str | None) -> None:
        """Take over an interrupted training, or weights to begin with."""
        if not resumed:
            if weights:
                load_weights(self.model, weights)
            return
        load_weights(self.model, resumed)
        restore(self._parts(), arrays, resumed)
        self.rates.replay(self.position.iteration, self.epoch_length if self.loop.by_epoch else None)
        if self.average:
            self.average.steps = self.position.average_steps
        if self.loss_scale:
            self.loss_scale.load_state(self.position.loss_scale)

    def _parts(self) -> dict[str, dict[str, Parameter]]:
        """Return everything that training changes, as parameters."""
        parts = {
            'model': {parameter.name: parameter for parameter in self.model.get_parameters()},
            'optimizer': self.optimizer.state(),
        }
        return {**parts, 'average': self.average.state()} if self.average else parts

    def run(self, request: SignalRequest) -> None:
        """Train to the end.

        Args:
            request: What signals ask for; it is deferred to the end of an iteration.

        Raises:
            Interruption: at a signal, after the moment was saved.
            TrainingError: if the loss or the weights are not finite.
        """
        self._request = request
        request.is_deferred = True
        if self.position.iteration:
            self.log.say(f'resumed at iteration {self.position.iteration} of {self.max_iters}')
        if self.position.iteration < self.max_iters:
            self.log.say('the first iteration compiles the graph of the training and takes the longest')
        while self.position.iteration < self.max_iters:
            self._run_epoch()
        request.is_deferred = False
        self.log.close()

    def _run_epoch(self) -> None:
        """Train to the end of the epoch, or of the training."""
        epoch, first = divmod(self.position.iteration, self.epoch_length)
        start = time.perf_counter()
        for images, labels in self.loader.epoch(epoch, first):
            data_time = time.perf_counter() - start
            rates = list(self.rates.values)
            self.optimizer.set_lrs(rates)
            values = self.step(images, labels)
            if self.average:
                self.average.update(epoch, self.position.iteration)
            self.rates.step(by_epoch=False)
            self.position.iteration += 1
            self._lr = rates[0]
            if not math.isfinite(values['loss']) and not self._is_left_out():
                raise self._diverged(f'the loss is {values["loss"]}')
            if self.loop.by_epoch and self.position.iteration % self.epoch_length == 0:
                self.rates.step(by_epoch=True)
            self.log.record({'data_time': data_time, **values, 'time': time.perf_counter() - start})
            self._report_iteration(rates)
            self._after_iteration()
            if signum := self.processes.agree(self._request.signum):
                self._stop(signum)
            if self.position.iteration == self.max_iters:
                return
            start = time.perf_counter()

    def _diverged(self, what: str) -> BaseException:
        if not self.processes.is_main:
            return SystemExit(2)  # the main process says why
        return diverged(what, self.position.iteration, self._lr, self.work_dir)

    def _spoilt_parameter(self) -> str | None:
        """Return the name of a parameter that is not finite, in whatever process, or None."""
        name = next((p.name for p in self.model.get_parameters() if fault_of(p.name, p.asnumpy())), None)
        is_anywhere = self.processes.agree(int(name is not None))
        return name or ('a parameter of another process' if is_anywhere else None)

    def _is_left_out(self) -> bool:
        """Whether the loss scaler left out the iteration because it overflowed, which is no fault."""
        # Below 1 it is not the scale that overflows.
        return self.step.was_left_out and self.loss_scale.value >= 1 and self._spoilt_parameter() is None

    def _report_iteration(self, rates: list[float]) -> None:
        """Log an iteration where the logger's interval says so."""
        iteration = self.position.iteration
        epoch, inner = divmod(iteration - 1, self.epoch_length)
        is_shown = (inner + 1) % self.logging.interval == 0
        if inner + 1 == self.epoch_length and not is_shown:
            is_shown = not self.logging.ignore_last or self.epoch_length <= self.logging.interval
        if not is_shown:
            return
        lrs = {'base_lr': rates[-1], 'lr': rates[0]} if self.optimizer.has_rules else {'lr': rates[0]}
        means = self.log.means()
        times = {name: means[name] for name in ('time', 'data_time')}
        if self.loop.by_epoch:
            where = f'Epoch(train) [{epoch + 1}/{self.loop.length}][{inner + 1}/{self.epoch_length}]'
            numbers = {**lrs, **means, 'epoch': epoch + 1, 'iter': iteration}
        else:
            where = f'Iter(train) [{iteration}/{self.max_iters}]'
            numbers = {**lrs, **means, 'iter': iteration}
        time_left = format_time_left(self.log.typical_time() * (self.max_iters - iteration))
        others = {name: value for name, value in means.items() if name not in times}
        self.log.say(
            f'{where}  '
            + ' '.join(f'{name}: {value:.4e}' for name, value in lrs.items())
            + f'  eta: {time_left}  {format_values({**times, **others})}'
        )
        self.log.write_scalars(numbers, step=iteration)

    def _after_iteration(self) -> None:
        """Validate and save where their intervals say so; validate first, so that a checkpoint knows the best."""
        is_end = self.position.iteration == self.max_iters
        count = self._count(self.loop.by_epoch)
        validates = (
            self.evaluator is not None
            and count is not None
            and count >= self.loop.val_begin
            and (count % self.loop.val_interval == 0 or is_end)
        )
        saving, count = self.saving, self._count(self.saving.by_epoch)
        is_due = (
            count is not None
            and saving.interval > 0
            and count >= saving.begin
            and ((count - saving.begin) % saving.interval == 0)
        )
        saves = is_due or (is_end and saving.save_last)
        if (validates or saves) and (spoilt := self._spoilt_parameter()):
            raise self._diverged(f'{spoilt} is not finite')
        if validates:
            self._validate()
        if saves:
            self._save()

    def _count(self, by_epoch: bool) -> int | None:
        """Return the iterations done, or the epochs: None in the middle of one."""
        if not by_epoch:
            return self.position.iteration
        epochs, rest = divmod(self.position.iteration, self.epoch_length)
        return None if rest else epochs

    def _name(self, by_epoch: bool) -> str:
        """Return how checkpoints name this moment."""
        return f'epoch_{self._count(True)}' if by_epoch else f'iter_{self.position.iteration}'

    def _validate(self) -> None:
        """Evaluate the model, or the average of its weights, and keep the best."""
        if self.average:
            self.average.exchange()
        evaluation = self.evaluator.run()
        values = {**evaluation.metrics, LOSS: evaluation.loss}
        count, batches = self._count(self.loop.by_epoch), self.evaluator.num_batches
        where = f'Epoch(val) [{count}]' if self.loop.by_epoch else 'Iter(val) '
        self.log.say(f'{where}[{batches}/{batches}]  {format_values({**values, **evaluation.times})}')
        self.log.write_scalars(
            {**values, **evaluation.times}, step=count if self.logging.by_epoch else self.position.iteration
        )
        for metric in self.saving.save_best:
            self._keep_best(metric, values[metric])
        if self.average:
            self.average.exchange()
        self.step.set_train()

    def _keep_best(self, metric: str, score: float) -> None:
        """Save the weights if their score is the best so far, in place of the best before them."""
        if not self.saving.is_better(metric, score, self.position.best.get(metric)):
            return
        path = self.work_dir / f'best_{metric.replace("/", "_")}_{self._name(self.loop.by_epoch)}{SUFFIX}'
        if self.processes.is_main:
            save_weights(self.model, path, self.description)
            outdated = self.position.best_file.get(metric)
            if outdated and outdated != path.name:
                remove_checkpoint(self.work_dir / outdated)
        self.position.best[metric], self.position.best_file[metric] = score, path.name
        self.log.say(f'best {metric} so far, {score:.4f}: saved as {path.name}')

    def _save(self) -> None:
        """Save a checkpoint, then note it, then remove those that are outdated: killed anywhere, one is whole."""
        path = self.work_dir / f'{self._name(self.saving.by_epoch)}{SUFFIX}'
        kept = [*(name for name in self.position.kept if name != path.name), path.name]
        outdated = kept[: -self.saving.max_keep] if self.saving.max_keep > 0 else []
        self.position.kept = kept[len(outdated) :]
        if not self.processes.is_main:
            return
        self._write(path)
        # A moment at which the training was stopped lies behind.
        for name in (*outdated, _MOMENT):
            remove_checkpoint(self.work_dir / name)

    def _stop(self, signum: int) -> NoReturn:
        """Save the moment, then end; processes that only wait do so until it is saved."""
        path = self.work_dir / _MOMENT
        if self.processes.is_main:
            self._write(path)
        self.processes.agree(0)
        self.log.close()
        raise stopped_at(signum, self.position.iteration, path if self.processes.is_main else None)

    def _write(self, path: Path) -> None:
        """Write a checkpoint, then note it."""
        if self.average:
            self.position.average_steps = self.average.steps
        if self.loss_scale:
            self.position.loss_scale = self.loss_scale.state()
        save_state(path, self.position, self._parts())
        # As mmengine does: the weights to use are the averaged ones.
        if self.average:
            self.average.exchange()
        save_weights(self.model, path, self.description)
        if self.average:
            self.average.exchange()
        note_last(self.work_dir, path.absolute())


def _describe(config: Config, class_names: Sequence[str]) -> Description | None:
    said = describe_config(
        config.model, config.get('data_preprocessor'), innermost(config.get('test_dataloader')), class_names
    )
    return said and replace(said, layout='mindspore')


def _check_options(launcher: str, device: str | None) -> None:
    require(launcher == 'none', '--launcher', launcher, 'left out: msrun starts several processes')
    require(device in (None, 'cpu'), '--device', device, "'cpu'")


def _check_data(config: Config, fields: tuple[str, ...]) -> None:
    """Check that this backend has the data sets, and that their files are there."""
    for field in fields:
        if config.get(field) is not None:
            choose_dataset(config[field].get('dataset') or {}, f'{field}.dataset')
    check_data(config, fields)


def _choose_work_dir(config: Config, requested: str | None) -> Path:
    chosen = choose_work_dir(config, requested)
    return Path(chosen if requested or config.get('work_dir') else f'{chosen}{_WORK_DIR_SUFFIX}')


def _find_start(config: Config, resume: str | None, work_dir: Path, is_main: bool) -> Path | None:
    """Return the checkpoint to resume, or None."""
    if resume is None and config.get('resume'):
        resume = config.get('load_from') or 'auto'
    if resume != 'auto':
        return Path(resume) if resume else None
    found = latest_checkpoint(work_dir)
    if found is None and is_main:
        print(f'no checkpoint in {work_dir} yet: training from the beginning')
    return found


def _set_up_mindspore(mode: str, seed: int) -> None:
    ms.set_context(mode=ms.GRAPH_MODE if mode == 'graph' else ms.PYNATIVE_MODE)
    ms.set_seed(seed)


def _build_model(config: Config, level: str) -> tuple[nn.Cell, nn.Cell]:
    """Build the model, in mixed precision of a level, and its loss."""
    model, loss = build_classifier(config.model)
    return (model if level == 'O0' else ms.amp.auto_mixed_precision(model, level)), loss


def _count_parameters(model: nn.Cell) -> int:
    """Return how many numbers are trained, without BatchNorm's statistics."""
    return sum(parameter.size for parameter in model.trainable_params())


def _device(processes: Processes) -> str:
    """Return on what a run computes, in words."""
    device = ms.get_context('device_target').lower()
    return device if processes.count == 1 else f'{device}, {processes.count} processes'


def _build_loader(config: Config, split: str, seed: int, processes: Processes) -> DataLoader:
    key = f'{split}_dataloader'
    return DataLoader(config[key], key, build_preprocessor(config), config.model.head.num_classes, seed, processes)


def _build_evaluator(config: Config, split: str, model: nn.Cell, loss: nn.Cell, processes: Processes) -> Evaluator:
    """Build the evaluator of the 'val' or 'test' data."""
    section = config.get(f'{split}_cfg') or {}
    check_keys(section, f'{split}_cfg', ('fp16',))
    require(not section.get('fp16'), f'{split}_cfg.fp16', section.get('fp16'), 'False; --amp decides the precision')
    loader = _build_loader(config, split, 0, processes)
    metrics = build_evaluator(config[f'{split}_evaluator'], f'{split}_evaluator', config.model.head.num_classes)
    return Evaluator(model, loss, loader, metrics)


def _write_out(path: str, item: str, evaluation: Evaluation) -> None:
    """Write the results; the file is whole or absent."""
    results: Any = evaluation.metrics
    if item == 'pred':
        scores = softmax(evaluation.logits, axis=1)
        results = [
            {'sample_idx': index, 'pred_score': score, 'pred_label': int(score.argmax()), 'gt_label': int(label)}
            for index, (score, label) in enumerate(zip(scores, evaluation.labels, strict=True))
        ]
    with replacing(path) as draft:
        mmengine.dump(results, str(draft))
