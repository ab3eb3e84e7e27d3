"""Optimizers by torch's update rules, and mmengine's rules for their parameter groups.

MindSpore's ``experimental.optim`` follows torch (its ``nn`` optimizers leave gamma and beta out of the weight decay
unasked, and ``nn.AdamWeightDecay`` corrects no bias); here the config alone decides what decays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mindspore import Parameter, Tensor, float32, nn
from mindspore.experimental import optim

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require
from shufflenet_zoo.mindspore_impl.training.parameters import write


@dataclass(frozen=True)
class _Kind:
    """An optimizer that this backend has.

    Attributes:
        build: MindSpore's class.
        keys: Its arguments beside the learning rate and the weight decay.
        lr: The learning rate where the config gives none, torch's.
        weight_decay: The weight decay where the config gives none, torch's.
    """

    build: type[optim.Optimizer]
    keys: tuple[str, ...]
    lr: float
    weight_decay: float


_KINDS = {
    'SGD': _Kind(optim.SGD, ('momentum', 'dampening', 'nesterov'), lr=1e-3, weight_decay=0.0),
    'AdamW': _Kind(optim.AdamW, ('betas', 'eps', 'amsgrad'), lr=1e-3, weight_decay=1e-2),
}
_PARAMWISE_KEYS = (
    'norm_decay_mult',
    'bias_decay_mult',
    'bias_lr_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'custom_keys',
    'bypass_duplicate',
)
_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm, nn.LayerNorm)
# MindSpore's own names of what custom keys and rules call by PyTorch's.
_TORCH_NAMES = {'gamma': 'weight', 'beta': 'bias', 'w': 'weight'}


class Optimizer:
    """An optimizer whose learning rates are set from outside, one per parameter group.

    Args:
        optimizer: One of MindSpore's.
        group_lrs: Base learning rate of every group.
        base_lr: The config's learning rate.
        has_rules: Whether the config gives parameters rules of their own.

    Attributes:
        base_lrs: Base learning rate of every group, and at the end the config's, which a log shows as base_lr.
        has_rules: Whether the config gives parameters rules of their own.
        parameters: What it trains, in the order in which it takes gradients.
    """

    def __init__(self, optimizer: optim.Optimizer, group_lrs: Sequence[float], base_lr: float, has_rules: bool) -> None:
        self.base_lrs, self.has_rules = [*group_lrs, base_lr], has_rules
        self._optimizer = optimizer
        self.parameters = list(optimizer.parameters)

    def set_lrs(self, values: Sequence[float]) -> None:
        """Set the learning rates; they correspond to ``base_lrs``."""
        for group, value in zip(self._optimizer.param_groups, values[:-1], strict=True):
            write(group['lr'], Tensor(value, float32))

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update the parameters."""
        self._optimizer(tuple(gradients))

    def state(self) -> dict[str, Parameter]:
        """Return the parameters that hold momenta and counts, by name; the trained ones are not among them."""
        trained = {id(parameter) for parameter in self.parameters}
        return {
            parameter.name: parameter for parameter in self._optimizer.get_parameters() if id(parameter) not in trained
        }


def build_optimizer(model: nn.Cell, config: Mapping[str, Any], lr_factor: float = 1.0) -> Optimizer:
    """Build the optimizer of a config.

    Args:
        model: Its trainable parameters are grouped by the rules of ``paramwise_cfg``.
        config: The config's ``optim_wrapper``.
        lr_factor: What multiplies the config's learning rate.

    Raises:
        ConfigError: if this backend does not have the optimizer or one of its arguments.
    """
    key = 'optim_wrapper.optimizer'
    settings = dict(config.get('optimizer') or {})
    kind = choose(settings, key, _KINDS)
    for flag in ('foreach', 'fused', 'capturable', 'differentiable', 'maximize'):
        if not settings.get(flag, False):
            settings.pop(flag, None)
    check_keys(settings, key, ('lr', 'weight_decay', *kind.keys))
    base_lr = settings.pop('lr', kind.lr)
    base_decay = settings.pop('weight_decay', kind.weight_decay)
    settings.pop('type')
    require(isinstance(base_lr, (int, float)) and base_lr >= 0, f'{key}.lr', base_lr, 'a number of at least 0')
    base_lr = float(base_lr * lr_factor)
    if 'betas' in settings:
        settings['betas'] = tuple(float(beta) for beta in settings['betas'])
    groups: dict[tuple[float, float], list[Parameter]] = {}
    for parameter, lr, decay in _apply_rules(model, config.get('paramwise_cfg') or {}, base_lr, base_decay):
        groups.setdefault((lr, decay), []).append(parameter)
    if not groups:
        raise ConfigError('model: every parameter is frozen, nothing is left to train')
    try:
        optimizer = kind.build(
            [{'params': parameters, 'lr': lr, 'weight_decay': decay} for (lr, decay), parameters in groups.items()],
            lr=base_lr,
            **settings,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{key}: {kind.build.__name__} cannot be built: {error}') from error
    return Optimizer(optimizer, [lr for lr, _ in groups], base_lr, bool(config.get('paramwise_cfg')))


def _apply_rules(
    model: nn.Cell, rules: Mapping[str, Any], base_lr: float, base_decay: float
) -> list[tuple[Parameter, float, float]]:
    """Return every trainable parameter with its learning rate and weight decay, by mmengine's rules."""
    key = 'optim_wrapper.paramwise_cfg'
    check_keys(rules, key, _PARAMWISE_KEYS)
    custom = rules.get('custom_keys') or {}
    for name, multipliers in custom.items():
        check_keys(multipliers, f'{key}.custom_keys.{name}', ('lr_mult', 'decay_mult'))
    # The longest key that fits counts, of equally long ones the first in the alphabet.
    custom_names = sorted(sorted(custom), key=len, reverse=True)
    result = []
    for prefix, cell in model.cells_and_names():
        for name, parameter in cell.parameters_and_names(expand=False):
            if not parameter.requires_grad:
                continue
            name = _TORCH_NAMES.get(name, name)
            match = next((custom[part] for part in custom_names if part in f'{prefix}.{name}'), None)
            if match is None:
                lr_mult, decay_mult = _multipliers(cell, name == 'bias', parameter, rules)
            else:
                lr_mult, decay_mult = match.get('lr_mult', 1.0), match.get('decay_mult', 1.0)
            result.append((parameter, float(base_lr * lr_mult), float(base_decay * decay_mult)))
    return result


def _multipliers(cell: nn.Cell, is_bias: bool, parameter: Parameter, rules: Mapping[str, Any]) -> tuple[float, float]:
    """Return what multiplies the learning rate and the weight decay of a parameter that no custom key names."""
    is_norm = isinstance(cell, _NORMS)
    lr_mult = rules.get('bias_lr_mult', 1.0) if is_bias and not is_norm else 1.0
    is_depthwise = isinstance(cell, nn.Conv2d) and cell.in_channels == cell.group
    for applies, rule in (
        (is_norm, 'norm_decay_mult'),
        (is_bias, 'bias_decay_mult'),
        (is_depthwise, 'dwconv_decay_mult'),
        (parameter.ndim == 1, 'flat_decay_mult'),
    ):
        if applies and rules.get(rule) is not None:
            return lr_mult, rules[rule]
    return lr_mult, 1.0
