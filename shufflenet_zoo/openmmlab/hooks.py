"""Hooks of the training loop."""

import math
from collections import deque
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, barrier, is_main_process
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.hooks import Hook
from torch import nn

from shufflenet_zoo.errors import TrainingError
from shufflenet_zoo.jobs.interruption import STEM, SignalRequest, stopped_at
from shufflenet_zoo.jobs.workdir import diverged, note_last
from shufflenet_zoo.registry import HOOKS
from shufflenet_zoo.weights.values import STATISTICS

_MOMENT = f'{STEM}.pth'


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """mmengine's CheckpointHook, safe against being killed at any moment.

    The note ``last_checkpoint`` is replaced only after the checkpoint is complete, and outdated checkpoints are
    removed only after that; mmengine removes first, and a kill in between leaves nothing to resume from.
    """

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        outdated = self._rotate(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        note_last(runner.work_dir, self.last_ckpt)
        # A moment at which the training was stopped lies behind.
        (Path(runner.work_dir) / _MOMENT).unlink(missing_ok=True)
        for path in outdated:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _rotate(self, runner: Any, step: int) -> list[str]:
        """Note a new checkpoint among those to keep; return the paths of those that fall out."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        steps = [*self.keep_ckpt_ids, step]
        kept = steps[-self.max_keep_ckpts :]
        self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        return [
            self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            for old in steps[: -self.max_keep_ckpts]
        ]


class StopHook(Hook):
    """What ends a training early: numbers that are not finite, or a signal; in all its processes at one iteration.

    Args:
        request: What signals ask for; it is deferred while the training runs.
    """

    # After every other hook of an iteration, so that a checkpoint of the moment has all that they do.
    priority = 'LOWEST'

    def __init__(self, request: SignalRequest) -> None:
        self._request = request
        self._iteration, self._lr = 0, 0.0

    def before_train(self, runner: Any) -> None:
        """From now on a signal waits for the end of an iteration."""
        self._request.is_deferred = True

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Note the learning rate, which the schedulers change at the end of the iteration."""
        self._iteration = runner.iter + 1
        self._lr = next(iter(runner.optim_wrapper.get_lr().values()))[0]

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Mapping[str, Any] | None = None
    ) -> None:
        """Look at the loss and at the request."""
        loss = torch.as_tensor((outputs or {}).get('loss', 0.0)).detach().float().sum().item()
        is_finite = math.isfinite(loss)
        is_fault, signum = _agree(not is_finite and not _is_left_out(runner), self._request.signum)
        if is_fault and not is_main_process():
            raise SystemExit(2)  # the main process says why
        if is_fault:
            what = 'the loss of another process is not finite' if is_finite else f'the loss is {loss}'
            raise self._diverged(runner, what)
        if signum:
            self._stop(runner, signum)

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, float] | None = None) -> None:
        """Look at the request after an evaluation, too: it may take long."""
        if self._request.is_deferred and (signum := _agree(self._request.signum)[0]):
            self._stop(runner, signum)

    def after_train(self, runner: Any) -> None:
        """From now on a signal ends the command at once."""
        self._request.is_deferred = False

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Refuse to save weights that are not finite."""
        if spoilt := _spoilt_tensor(runner.model):
            raise self._diverged(runner, f'{spoilt} is not finite')

    def _diverged(self, runner: Any, what: str) -> TrainingError:
        return diverged(what, self._iteration, self._lr, runner.work_dir)

    def _stop(self, runner: Any, signum: int) -> None:
        """Save the moment, then end; processes that only wait do so until it is saved."""
        runner.save_checkpoint(runner.work_dir, _MOMENT, meta={'epoch': runner.epoch, 'iter': self._iteration})
        path = Path(runner.work_dir) / _MOMENT
        if is_main_process():
            note_last(runner.work_dir, path)
        barrier()
        raise stopped_at(signum, self._iteration, path if is_main_process() else None)


def _is_left_out(runner: Any) -> bool:
    """Whether a loss scaler left out the step because it overflowed, which is no fault."""
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    # Below 1 it is not the scale that overflows.
    return scaler is not None and scaler.get_scale() >= 1 and _spoilt_tensor(runner.model) is None


def _spoilt_tensor(model: nn.Module) -> str | None:
    """Return the name of a parameter, or of BatchNorm's statistics, that is not finite; None if all are."""
    statistics = ((name, buffer) for name, buffer in model.named_buffers() if name.endswith(STATISTICS))
    return next(
        (name for name, tensor in chain(model.named_parameters(), statistics) if not torch.isfinite(tensor).all()), None
    )


def _agree(*values: int) -> list[int]:
    """Return the largest values among the processes of a training, the same in all of them."""
    shared = torch.tensor([int(value) for value in values])
    all_reduce(shared, 'max')
    return shared.tolist()
