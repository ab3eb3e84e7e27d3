"""Learning-rate schedules of mmengine's ``param_scheduler``, without torch.

mmengine's schedulers act on the current value one after another, each from the value it finds (warm-up times
decay); so do these, and give the same floats.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require

_FOREVER = int(1e9)


class Schedule:
    """One item of ``param_scheduler``.

    Args:
        begin: First step (epoch or iteration) at which the schedule acts. Default: 0.
        end: The step at which it ends. Default: never.
        by_epoch: Whether steps are epochs. Default: True.
    """

    # Arguments that count epochs, and turn into iterations with ``convert_to_iter_based``.
    epoch_counts: tuple[str, ...] = ()

    def __init__(self, begin: int = 0, end: int = _FOREVER, by_epoch: bool = True) -> None:
        if end <= begin:
            raise ValueError(f'end={end} must be larger than begin={begin}')
        self.begin, self.end, self.by_epoch = begin, end, by_epoch
        self._calls = -1
        self._step = -1

    def start_value(self, base: float) -> float:
        """Return what the schedule takes for the base learning rate (the one-cycle policy brings its own)."""
        return base

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        raise NotImplementedError

    def advance(self, values: list[float], bases: list[float]) -> None:
        """Take one step; change the values of all parameter groups in place."""
        self._calls += 1
        if self.begin <= self._calls < self.end:
            self._step += 1
            values[:] = [self.next_value(self._step, value, base) for value, base in zip(values, bases, strict=True)]


class ConstantLR(Schedule):
    """Multiplies by a factor until the last step."""

    def __init__(self, factor: float = 1 / 3, **span: Any) -> None:
        super().__init__(**span)
        _check_unit_range('factor', factor)
        self.factor = factor
        self.last_step = self.end - self.begin - 1

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        if step == 0:
            return value * self.factor
        return value * (1.0 / self.factor) if step == self.last_step else value


class LinearLR(Schedule):
    """Multiplies by a factor that changes linearly (warm-up)."""

    def __init__(self, start_factor: float = 1 / 3, end_factor: float = 1.0, **span: Any) -> None:
        super().__init__(**span)
        _check_unit_range('start_factor', start_factor)
        _check_unit_range('end_factor', end_factor)
        self.start_factor, self.change = start_factor, end_factor - start_factor
        self.last_step = self.end - self.begin - 1

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        if step == 0:
            return value * self.start_factor
        return value * (1.0 + self.change / (self.last_step * self.start_factor + (step - 1) * self.change))


class StepLR(Schedule):
    """Multiplies by gamma every ``step_size`` steps."""

    epoch_counts = ('step_size',)

    def __init__(self, step_size: int, gamma: float = 0.1, **span: Any) -> None:
        super().__init__(**span)
        self.step_size, self.gamma = step_size, gamma

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        return value * self.gamma if step and step % self.step_size == 0 else value


class MultiStepLR(Schedule):
    """Multiplies by gamma at every milestone."""

    epoch_counts = ('milestones',)

    def __init__(self, milestones: Sequence[int], gamma: float = 0.1, **span: Any) -> None:
        super().__init__(**span)
        self.milestones, self.gamma = Counter(milestones), gamma

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        return value * self.gamma ** self.milestones[step] if step in self.milestones else value


class ExponentialLR(Schedule):
    """Multiplies by gamma at every step."""

    def __init__(self, gamma: float, **span: Any) -> None:
        super().__init__(**span)
        self.gamma = gamma

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        return value * self.gamma if step else value


class CosineAnnealingLR(Schedule):
    """Half a cosine from the base value to ``eta_min`` (SGDR, arXiv:1608.03983, without restarts)."""

    epoch_counts = ('T_max',)

    def __init__(
        self, T_max: int | None = None, eta_min: float | None = None, eta_min_ratio: float | None = None, **span: Any
    ) -> None:
        super().__init__(**span)
        if eta_min is not None and eta_min_ratio is not None:
            raise ValueError('either eta_min or eta_min_ratio may be given')
        self.period = T_max or (self.end - self.begin)
        self.eta_min, self.eta_min_ratio = eta_min or 0.0, eta_min_ratio

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        low = self.eta_min if self.eta_min_ratio is None else base * self.eta_min_ratio
        if step == 0:
            return value
        if (step - 1 - self.period) % (2 * self.period) == 0:  # the cosine before this step is zero
            return value + (base - low) * (1 - math.cos(math.pi / self.period)) / 2
        return (1 + math.cos(math.pi * step / self.period)) / (1 + math.cos(math.pi * (step - 1) / self.period)) * (
            value - low
        ) + low


class PolyLR(Schedule):
    """Falls to ``eta_min`` as a power of the steps that are left."""

    def __init__(self, eta_min: float = 0.0, power: float = 1.0, **span: Any) -> None:
        super().__init__(**span)
        self.eta_min, self.power = eta_min, power
        self.last_step = self.end - self.begin - 1

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step from the value before it."""
        if step == 0:
            return value
        return (value - self.eta_min) * (1 - 1 / (self.last_step - step + 1)) ** self.power + self.eta_min


class OneCycleLR(Schedule):
    """Rises from ``eta_max / div_factor`` to ``eta_max`` and falls far below the start (arXiv:1708.07120)."""

    epoch_counts = ('total_steps',)

    def __init__(
        self,
        eta_max: float = 0.0,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = 'cos',
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        **span: Any,
    ) -> None:
        super().__init__(**span)
        if anneal_strategy not in ('cos', 'linear'):
            raise ValueError(f"anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'")
        if not isinstance(eta_max, (int, float)):
            raise ValueError(f'eta_max={eta_max!r} must be one number')
        _check_unit_range('pct_start', pct_start)
        total = total_steps or (self.end - self.begin)
        if self.end - self.begin > total:
            raise ValueError(f'total_steps={total} must not be less than end - begin = {self.end - self.begin}')
        self.is_cosine = anneal_strategy == 'cos'
        self.initial = eta_max / div_factor
        lowest = self.initial / final_div_factor
        rise = (float(pct_start * total) - 1, self.initial, eta_max)
        # (last step, value at its begin, value at its end) of every phase.
        self.phases = (rise, (total - 1, eta_max, lowest))
        if three_phase:
            self.phases = (
                rise,
                (float(2 * pct_start * total) - 2, eta_max, self.initial),
                (total - 1, self.initial, lowest),
            )

    def start_value(self, base: float) -> float:
        """Return the policy's own base learning rate."""
        return self.initial

    def next_value(self, step: int, value: float, base: float) -> float:
        """Return the value at a step."""
        first = 0
        phases = iter(self.phases)
        last, start, end = next(phases)
        while step > last:
            first = last
            last, start, end = next(phases)
        part = (step - first) / (last - first)
        if self.is_cosine:
            return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start


_KINDS = {
    kind.__name__: kind
    for kind in (ConstantLR, LinearLR, StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, PolyLR, OneCycleLR)
}
_SPAN_KEYS = ('begin', 'end', 'by_epoch')


def _check_unit_range(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f'{name}={value} must be between 0 and 1')


class LearningRates:
    """The learning rate of every parameter group at every moment of a training.

    Args:
        config: The config's ``param_scheduler``: a dict, a list of dicts or None.
        bases: Base learning rate of every parameter group.
        epoch_length: Iterations per epoch.
        max_epochs: Epochs of the training; None in a training by iterations, where no schedule steps by epoch.
        max_iters: Iterations of the training.

    Attributes:
        values: The current learning rates.

    Raises:
        ConfigError: if a schedule or one of its arguments is unknown or cannot be.
    """

    def __init__(
        self,
        config: Mapping | Sequence[Mapping] | None,
        bases: Sequence[float],
        epoch_length: int,
        max_epochs: int | None,
        max_iters: int,
    ) -> None:
        self.values = list(bases)
        # Every schedule with its base learning rates: a one-cycle policy brings its own for those after it.
        self._schedules: list[tuple[Schedule, list[float]]] = []
        bases = list(bases)
        items = [config] if isinstance(config, Mapping) else list(config or ())
        for index, item in enumerate(items):
            schedule = build_schedule(item, f'param_scheduler.{index}', epoch_length, max_epochs, max_iters)
            bases = [schedule.start_value(base) for base in bases]
            self._schedules.append((schedule, bases))
            schedule.advance(self.values, bases)

    def step(self, by_epoch: bool) -> None:
        """Advance the schedules that step by epoch, or those that step by iteration."""
        for schedule, bases in self._schedules:
            if schedule.by_epoch == by_epoch:
                schedule.advance(self.values, bases)

    def replay(self, iterations: int, epoch_length: int | None) -> None:
        """Advance as after so many iterations of training, with epochs of that length or without."""
        for iteration in range(iterations):
            self.step(by_epoch=False)
            if epoch_length and (iteration + 1) % epoch_length == 0:
                self.step(by_epoch=True)


def build_schedule(config: Mapping, key: str, epoch_length: int, max_epochs: int | None, max_iters: int) -> Schedule:
    """Build one schedule.

    Args:
        config: One item of ``param_scheduler``.
        key: Its dotted name in the config.
        epoch_length: Iterations per epoch.
        max_epochs: Epochs of the training: the default end of a schedule by epoch; None in one by iterations.
        max_iters: Iterations of the training: the default end of a schedule by iteration.

    Raises:
        ConfigError: if the schedule or one of its arguments is unknown or cannot be.
    """
    kind = choose(config, key, _KINDS)
    own = tuple(name for name in kind.__init__.__annotations__ if name not in ('span', 'return'))
    arguments = {name: value for name, value in config.items() if name not in ('type', 'verbose')}
    check_keys(arguments, key, (*own, *_SPAN_KEYS, 'convert_to_iter_based'))
    by_epoch = arguments.get('by_epoch', True)
    require(
        not by_epoch or max_epochs is not None, f'{key}.by_epoch', by_epoch, 'False where train_cfg.by_epoch is False'
    )
    arguments.setdefault('end', max_epochs if by_epoch else max_iters)
    if arguments.pop('convert_to_iter_based', False):
        require(by_epoch, f'{key}.by_epoch', by_epoch, 'True where convert_to_iter_based is')
        arguments['by_epoch'] = False
        for name in ('begin', 'end', *kind.epoch_counts):
            if arguments.get(name) is not None:
                arguments[name] = _times(arguments[name], epoch_length)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{key}: {kind.__name__} cannot be built: {error}') from error


def _times(count: Any, epoch_length: int) -> Any:
    """Turn a number of epochs, or a list of them, into iterations."""
    if isinstance(count, (list, tuple)):
        return [_times(item, epoch_length) for item in count]
    return min(int(count * epoch_length), _FOREVER)
