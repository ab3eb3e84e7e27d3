"""Scaling of the loss, so that gradients in float16 do not underflow; by the rules of torch's GradScaler."""

from collections.abc import Mapping
from typing import Any

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, require

_KEYS = ('init_scale', 'growth_factor', 'backoff_factor', 'growth_interval', 'enabled')


class LossScale:
    """A factor on the loss, fixed or adapted to overflows.

    Args:
        init_scale: The factor at the beginning. Default: 65536.
        growth_factor: What multiplies it after ``growth_interval`` iterations without overflow. Default: 2.
        backoff_factor: What multiplies it after an overflow. Default: 0.5.
        growth_interval: Default: 2000.
        is_fixed: Whether the factor never changes. Default: False.

    Attributes:
        value: The current factor.
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        is_fixed: bool = False,
    ) -> None:
        self.value = float(init_scale)
        self.growth_factor, self.backoff_factor, self.growth_interval = growth_factor, backoff_factor, growth_interval
        self.is_fixed = is_fixed
        self._good_iterations = 0

    def update(self, is_finite: bool) -> None:
        """Adapt the factor after an iteration whose gradients were finite or not."""
        if self.is_fixed:
            return
        if not is_finite:
            self.value *= self.backoff_factor
            self._good_iterations = 0
            return
        self._good_iterations += 1
        if self._good_iterations == self.growth_interval:
            self.value *= self.growth_factor
            self._good_iterations = 0

    def state(self) -> dict[str, float]:
        """Return what a resumed training needs."""
        return {'value': self.value, 'good_iterations': self._good_iterations}

    def load_state(self, state: Mapping[str, float]) -> None:
        """Take over the state of an interrupted training."""
        self.value, self._good_iterations = float(state['value']), int(state['good_iterations'])


def build_loss_scale(config: Any, key: str) -> LossScale:
    """Build the loss scaling of a config.

    Args:
        config: 'dynamic', a number (fixed) or a dict with the arguments of torch's GradScaler.
        key: Its dotted name in the config.

    Raises:
        ConfigError: if it is none of these.
    """
    if config == 'dynamic':
        return LossScale()
    if isinstance(config, Mapping):
        check_keys(config, key, _KEYS)
        require(config.get('enabled', True), f'{key}.enabled', config.get('enabled'), 'True')
        try:
            return LossScale(**{name: value for name, value in config.items() if name != 'enabled'})
        except (TypeError, ValueError) as error:
            raise ConfigError(f'{key}: loss scaling cannot be built: {error}') from error
    require(isinstance(config, (int, float)) and config > 0, key, config, "'dynamic', a positive number or a dict")
    return LossScale(config, is_fixed=True)
