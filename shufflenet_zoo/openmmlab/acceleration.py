"""Hooks that make training faster: the compiler, and how feature maps are stored on the CPU."""

import copy
import statistics
import time
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from shufflenet_zoo.backbones.base import ShuffleNet
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.backends import FASTEST

_MEMORY_FORMATS = {'channels_last': torch.channels_last, 'contiguous': torch.contiguous_format}
# Under which a checkpoint keeps what was measured.
_KEY = 'memory_format'
_NUM_STEPS = 5


class CompileHook(Hook):
    """Compiles the backbone for training; what would have to be compiled anew within an epoch runs uncompiled.

    That is validation, and a last batch of another size. Weights keep their names in checkpoints. Whoever trains
    restores the compiler's stance, however the training ends.
    """

    def before_train(self, runner: Any) -> None:
        """Compile the backbone, at its first batch.

        Raises:
            ConfigError: if the model has no backbone.
        """
        backbone = _backbone(runner, '--compile')
        if is_main_process():
            print('the backbone is compiled for training: the first iteration takes a minute')
        if isinstance(backbone, ShuffleNet):
            _set_memory_format(backbone, 'contiguous', is_compiled=True)
        backbone.compile(dynamic=False)

    def before_train_epoch(self, runner: Any) -> None:
        """Let images of a new size be compiled."""
        torch.compiler.set_stance('default')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Take what is compiled by now for the rest of the epoch, and nothing more."""
        torch.compiler.set_stance('eager_on_recompile')


class MemoryFormatHook(Hook):
    """Chooses how the backbone stores its feature maps in training on a CPU.

    A choice by measuring is made once: a resumed training keeps it, and goes on to the bit.

    Args:
        choice: 'channels_last', 'contiguous', or 'fastest', which measures both with images of the first batch's size.
        is_compiled: Whether CompileHook, registered before, compiles the backbone.
    """

    def __init__(self, choice: str, is_compiled: bool) -> None:
        self._choice, self._is_compiled = choice, is_compiled

    def before_train(self, runner: Any) -> None:
        """Set what is known.

        Raises:
            ConfigError: if the model has no backbone of ours.
        """
        backbone = _backbone(runner, '--memory-format')
        if not isinstance(backbone, ShuffleNet):
            raise ConfigError(
                f'--memory-format is for ShuffleNetV1 and ShuffleNetV2; the backbone is a {type(backbone).__name__}'
            )
        if self._choice == FASTEST:
            self._choice = runner.message_hub.get_info(_KEY, FASTEST)
        if self._choice != FASTEST:
            _set_memory_format(backbone, self._choice, self._is_compiled)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Measure, unless it is known; the backbone, and what random numbers come next, stay as they are."""
        if self._choice != FASTEST:
            return
        backbone = _backbone(runner, '--memory-format')
        images = _images_like(data_batch['inputs'])
        with runner.optim_wrapper.optim_context(backbone):
            steps = {name: _measure(backbone, name, self._is_compiled, images) for name in _MEMORY_FORMATS}
        self._choice = min(steps, key=steps.get)
        runner.message_hub.update_info(_KEY, self._choice)
        _set_memory_format(backbone, self._choice, self._is_compiled)
        if is_main_process():
            measured = ', '.join(f'{name} {1000 * seconds:.0f} ms' for name, seconds in steps.items())
            print(f'memory format  {self._choice}, measured: {measured} for a step of the backbone')


def _backbone(runner: Any, option: str) -> nn.Module:
    """Return the backbone that a runner trains.

    Raises:
        ConfigError: if there is none, which the option needs.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    backbone = getattr(model, 'backbone', None)
    if backbone is None:
        raise ConfigError(f'{option}: {type(model).__name__} has no backbone')
    return backbone


def _set_memory_format(backbone: ShuffleNet, name: str, is_compiled: bool) -> None:
    backbone.train_memory_format = _MEMORY_FORMATS[name]
    if is_compiled and next(backbone.parameters()).device.type == 'cpu':
        # Else compiled convolutions rearrange every weight in every iteration.
        backbone.to(memory_format=_MEMORY_FORMATS[name])


def _images_like(inputs: Tensor | list[Tensor]) -> Tensor:
    """Return noise of the batch's size, where the images of a list are padded to the largest."""
    shape = len(inputs), *(max(image.shape[i] for image in inputs) for i in range(3))
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _measure(backbone: ShuffleNet, name: str, is_compiled: bool, images: Tensor) -> float:
    """Return the median of the seconds that forward and backward take, over the processes of a training."""
    trial = copy.deepcopy(backbone)
    _set_memory_format(trial, name, is_compiled)
    if is_compiled:
        trial.compile(dynamic=False)
    seconds = []
    for _ in range(1 + _NUM_STEPS):  # the first one compiles
        start = time.perf_counter()
        loss = sum(output.float().mean() for output in trial(images))
        if loss.requires_grad:  # not all is frozen
            loss.backward()
        seconds.append(time.perf_counter() - start)
    median = torch.tensor(statistics.median(seconds[1:]))
    all_reduce(median, 'max')
    return median.item()
