"""One network as a value: made once where a dict of arguments enters, and handed on as it is."""

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from shufflenet_zoo.arch.plans import Plan, plan_v1, plan_v2
from shufflenet_zoo.arch.units import V2Unit
from shufflenet_zoo.errors import ArgumentError

SCOPE = 'shufflenet_zoo'
V1, V2 = 'ShuffleNetV1', 'ShuffleNetV2'
_PLANNERS = {V1: plan_v1, V2: plan_v2}
# Arguments that say which features come out and what is trained; they change no weight and no computation.
_USE_ARGUMENTS = ('out_indices', 'frozen_stages')
# Arguments of a backbone that say how its layers are made.
_LAYER_ARGUMENTS = ('conv_cfg', 'norm_cfg', 'act_cfg', 'norm_eval', 'with_cp', 'init_cfg')
# What says which network it is, told even where it is the default.
_SIZE_ARGUMENTS = ('groups', 'widen_factor')


@dataclass(frozen=True)
class Architecture(Mapping[str, Any]):
    """A ShuffleNet, up to its outputs, its layers' types and its weights; a mapping of its arguments.

    Attributes:
        family: 'ShuffleNetV1' or 'ShuffleNetV2'.
        arguments: Every architecture argument of ``plan_v1`` or ``plan_v2``; what is not given has its default.

    Raises:
        ArgumentError: if an argument is unknown or cannot be built.
    """

    family: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        if self.family not in _PLANNERS:
            raise ArgumentError(f'the backbone type must be one of {", ".join(_PLANNERS)}, got {self.family!r}')
        check_names(self.family, self.arguments)
        object.__setattr__(self, 'arguments', _defaults(self.family) | dict(self.arguments))
        self.plan  # noqa: B018  refuses what cannot be built

    @classmethod
    def of(cls, backbone: Mapping[str, Any]) -> 'Architecture':
        """Make the value of a config's backbone, such as dict(type='shufflenet_zoo.ShuffleNetV1', groups=3).

        Raises:
            ArgumentError: if the type is none of ours, or an argument is unknown or cannot be built.
        """
        family = family_of(backbone)
        check_names(family, (name for name in backbone if name != 'type'))
        return cls(family, {name: backbone[name] for name in _defaults(family) if name in backbone})

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)

    @cached_property
    def plan(self) -> Plan:
        """The plan with the default output."""
        return self.plan_with()

    def plan_with(
        self, out_indices: Sequence[int | str] | int | str | None = None, frozen_stages: int | str = -1
    ) -> Plan:
        """Return the plan with the given outputs and frozen stages, which plan_v1 and plan_v2 describe.

        Raises:
            ArgumentError: if the network has no such output or stage.
        """
        return _PLANNERS[self.family](out_indices=out_indices, frozen_stages=frozen_stages, **self.arguments)

    def replaced(self, arguments: Mapping[str, Any]) -> 'Architecture':
        """Return this network with other arguments.

        Raises:
            ArgumentError: if an argument is unknown or cannot be built.
        """
        return replace(self, arguments=self.arguments | dict(arguments))

    def reduced(self) -> dict[str, Any]:
        """Return what a config must give: the type, the size, and what differs from the defaults."""
        defaults = _defaults(self.family)
        told = {name: value for name, value in self.items() if name in _SIZE_ARGUMENTS or defaults[name] != value}
        return {'type': f'{SCOPE}.{self.family}'} | told

    def difference(self, other: Mapping[str, Any], ignore: Iterable[str] = ()) -> dict[str, Any]:
        """Return the arguments of another network of this family that make it another one.

        Arguments that differ but build the same, such as the units of V2 at width 0.5, are not among them.
        """
        differing = {name: value for name, value in other.items() if name not in ignore and self[name] != value}
        return {name: value for name, value in differing.items() if not self._builds_the_same(name, value)}

    def _builds_the_same(self, name: str, value: Any) -> bool:
        """Whether one changed argument leaves every convolution, shuffle and pool as it is."""
        try:
            return _wiring(self.plan) == _wiring(self.replaced({name: value}).plan)
        except ArgumentError:
            return False

    def __str__(self) -> str:
        told = self.reduced()
        return ', '.join([self.family, *(f'{name}={value!r}' for name, value in told.items() if name != 'type')])


def family_of(backbone: Mapping[str, Any]) -> str:
    """Return the class name in a backbone's type, without scope.

    Raises:
        ArgumentError: if it is none of ours.
    """
    family = str(backbone.get('type')).rpartition('.')[2]
    if family not in _PLANNERS:
        raise ArgumentError(f'the backbone type must be one of {", ".join(_PLANNERS)}, got {backbone.get("type")!r}')
    return family


def check_names(family: str, names: Iterable[str]) -> None:
    """Check that a backbone of a family has arguments of these names.

    Raises:
        ArgumentError: if one is unknown, with the nearest known one.
    """
    known = (*inspect.signature(_PLANNERS[family]).parameters, *_LAYER_ARGUMENTS)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean {near[0]!r}?' if near else f'it takes {", ".join(known)}'
            raise ArgumentError(f'{family} has no argument {name!r}; {hint}')


@cache
def _defaults(family: str) -> dict[str, Any]:
    parameters = inspect.signature(_PLANNERS[family]).parameters
    return {name: parameter.default for name, parameter in parameters.items() if name not in _USE_ARGUMENTS}


def _wiring(plan: Plan) -> tuple:
    # The name of the projecting unit's form says nothing that its convolutions do not.
    units = [
        replace(unit, down_unit='halves') if isinstance(unit, V2Unit) else unit
        for stage in plan.stages
        for unit in stage
    ]
    return plan.named_convs(), units, plan.stem


def plan_backbone(backbone: Mapping[str, Any]) -> Plan:
    """Resolve a config's backbone dict, such as dict(type='shufflenet_zoo.ShuffleNetV1', groups=3), into a plan.

    Raises:
        ArgumentError: if the type is none of ours, or an argument is unknown or cannot be built.
    """
    use = {name: backbone[name] for name in _USE_ARGUMENTS if name in backbone}
    return Architecture.of(backbone).plan_with(**use)


def feature_channels(backbone: Mapping[str, Any]) -> list[int]:
    """Return the channels of a config's backbone at its out_indices: what a neck or head takes as in_channels.

    Examples:
        neck=dict(type='FPN', in_channels=feature_channels(backbone), ...)
    """
    return list(plan_backbone(backbone).out_channels)
