"""Moving averages of the weights, as mmengine's EMAHook keeps them."""

from collections.abc import Callable, Mapping
from typing import Any

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require
from shufflenet_zoo.mindspore_impl.training.parameters import write

# BatchNorm's statistics are buffers in PyTorch.
_BUFFER_NAMES = ('moving_mean', 'moving_variance')
# Weight of the model's current value in the average after so many updates.
_SHARES: dict[str, Callable[['WeightAverage'], float]] = {
    'ExponentialMovingAverage': lambda self: self.momentum,
    'MomentumAnnealingEMA': lambda self: max(self.momentum, self.gamma / (self.gamma + self.steps)),
    'StochasticWeightAverage': lambda self: 1 / float(self.steps // self.interval + 1),
}
_KEYS = ('momentum', 'gamma', 'interval', 'update_buffers', 'begin_iter', 'begin_epoch', 'strict_load', 'priority')

_move = ops.MultitypeFuncGraph('move')


@_move.register('Tensor', 'Tensor', 'Tensor')
def _move_average(share: Tensor, average: Tensor, value: Tensor) -> bool:
    ops.assign(average, average + share * (value - average))
    return True


def _copy(parameter: Parameter) -> Tensor:
    return Tensor(parameter.asnumpy().copy())


class _Move(nn.Cell):
    """Moves averages towards the current values."""

    def __init__(self, averages: list[Parameter], values: list[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.averages, self.values = ParameterTuple(averages), ParameterTuple(values)
        self.map = ops.HyperMap()

    def construct(self, share: Tensor) -> tuple:
        return self.map(ops.partial(_move, share), self.averages, self.values)


class WeightAverage:
    """The average of a model's weights; BatchNorm's statistics are the model's own unless ``update_buffers``.

    Args:
        model: The model.
        config: The hook's section.
        key: Its dotted name in the config.

    Raises:
        ConfigError: if this backend does not have the average or one of its arguments.
    """

    def __init__(self, model: nn.Cell, config: Mapping[str, Any], key: str) -> None:
        kind = config.get('ema_type', 'ExponentialMovingAverage')
        self.share = choose({'type': kind}, f'{key}.ema_type', _SHARES)
        check_keys(config, key, ('ema_type', *_KEYS))
        self.momentum, self.gamma = config.get('momentum', 0.0002), config.get('gamma', 100)
        require(0 < self.momentum < 1, f'{key}.momentum', self.momentum, 'between 0 and 1')
        self.interval = config.get('interval', 1)
        self.begin_iter, self.begin_epoch = config.get('begin_iter', 0), config.get('begin_epoch', 0)
        self.steps = 0
        averaged = [
            parameter
            for parameter in model.get_parameters()
            if config.get('update_buffers', False) or parameter.name.rpartition('.')[2] not in _BUFFER_NAMES
        ]
        self._values = averaged
        self._averages = [
            Parameter(value.asnumpy().copy(), name=f'ema.{value.name}', requires_grad=False) for value in averaged
        ]
        self._move = _Move(self._averages, self._values)

    def update(self, epoch: int, iteration: int) -> None:
        """Take in the weights after an iteration.

        Args:
            epoch: Number of the epoch, from 0.
            iteration: Number of the iteration, from 0.
        """
        started = epoch + 1 >= self.begin_epoch if self.begin_epoch else iteration + 1 >= self.begin_iter
        if not started or self.steps == 0:
            for average, value in zip(self._averages, self._values, strict=True):
                write(average, _copy(value))
        elif self.steps % self.interval == 0:
            self._move(Tensor(self.share(self), ms.float32))
        self.steps += started

    def exchange(self) -> None:
        """Exchange the model's weights and their averages."""
        for average, value in zip(self._averages, self._values, strict=True):
            kept = _copy(average)
            write(average, _copy(value))
            write(value, kept)

    def state(self) -> dict[str, Parameter]:
        """Return the averages by name."""
        return {average.name: average for average in self._averages}
