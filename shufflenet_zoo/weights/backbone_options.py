"""The architecture arguments of a backbone: complete, reduced to what must be told, compared."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shufflenet_zoo.arch import Plan, V2Unit, plan_backbone, plan_v1, plan_v2
from shufflenet_zoo.errors import ArgumentError, CheckpointError

_PLANNERS = {'ShuffleNetV1': plan_v1, 'ShuffleNetV2': plan_v2}
# Arguments that change which features come out, or what is trained, but no weight.
_NOT_STRUCTURAL = ('out_indices', 'frozen_stages')
SCOPE = 'shufflenet_zoo'


def family_of(backbone: Mapping[str, Any]) -> str:
    """Return the class name in a backbone's type, without scope.

    Raises:
        CheckpointError: if it is none of ours.
    """
    family = str(backbone.get('type')).rsplit('.', maxsplit=1)[-1]
    if family not in _PLANNERS:
        raise CheckpointError(f'the backbone type must be one of {", ".join(_PLANNERS)}, got {backbone.get("type")!r}')
    return family


def complete(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """Return 'type' and every architecture argument, the defaults filled in and all others left out."""
    family = family_of(backbone)
    parameters = inspect.signature(_PLANNERS[family]).parameters
    return {'type': family} | {
        name: backbone.get(name, parameter.default)
        for name, parameter in parameters.items()
        if name not in _NOT_STRUCTURAL
    }


def reduced(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a config must give: the type, the size, and what differs from the defaults."""
    full = complete(backbone)
    defaults = complete({'type': full['type']})
    told = {key: value for key, value in full.items() if key in ('groups', 'widen_factor') or defaults[key] != value}
    told.pop('type', None)
    return {'type': f'{SCOPE}.{full["type"]}'} | told


def difference(own: Mapping[str, Any], other: Mapping[str, Any], ignore: Iterable[str] = ()) -> dict[str, Any]:
    """Return the other's arguments that make it another network.

    Arguments that differ but build the same, such as the units of V2 at width 0.5, are not among them.
    """
    own, other = complete(own), complete(other)
    differing = {key: value for key, value in other.items() if key not in ignore and own.get(key) != value}
    return {key: value for key, value in differing.items() if not _builds_the_same(own, key, value)}


def _builds_the_same(backbone: Mapping[str, Any], key: str, value: Any) -> bool:
    """Whether one changed argument leaves every convolution, shuffle and pool as it is."""
    try:
        return _wiring(plan_backbone(backbone)) == _wiring(plan_backbone({**backbone, key: value}))
    except ArgumentError:
        return False


def _wiring(plan: Plan) -> tuple:
    # The name of the projecting unit's form says nothing that its convolutions do not.
    units = [
        replace(unit, down_unit='halves') if isinstance(unit, V2Unit) else unit
        for stage in plan.stages
        for unit in stage
    ]
    return plan.named_convs(), units, plan.stem
