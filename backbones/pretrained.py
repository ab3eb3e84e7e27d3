"""Starting a backbone from a checkpoint: of any known layout, and every key that does not load is named."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from shufflenet_zoo.arch import Plan, V1Unit
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.convert import Weights, decode
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import weights_of
from shufflenet_zoo.weights.layouts import CANONICAL, HEAD, V1, V2
from shufflenet_zoo.weights.permutations import PermutationError
from shufflenet_zoo.weights.recognise import identify

_COUNTER = 'num_batches_tracked'


def load_pretrained(backbone: nn.Module, checkpoint: str, prefix: str | None = None, map_location: Any = 'cpu') -> None:
    """Loads what fits of a checkpoint into a backbone and logs what does not, by name.

    Weights of torchvision, megvii and every other layout that shufflenet_zoo.weights knows are converted.

    Args:
        backbone: A ShuffleNetV1 or ShuffleNetV2.
        checkpoint: A file or an address that mmengine can load.
        prefix: What stands before the backbone's names in the file, such as 'backbone.'. Default: None, nothing.
            Files of other layouts are recognised whatever the prefix.
        map_location: Where tensors go first, as in torch.load.

    Raises:
        CheckpointError: if the file is unreadable, none of its stages loads, or it belongs to another network.
    """
    content = weights_of(fetch_checkpoint(checkpoint, map_location))
    weights = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    own = backbone.state_dict()
    inside = {
        name.removeprefix(prefix or ''): value for name, value in weights.items() if name.startswith(prefix or '')
    }
    outside = [name for name in weights if not name.startswith(prefix or '')]
    if not own.keys() & inside.keys():
        inside, outside = _convert(weights, backbone.plan, checkpoint, prefix), []
    fitting = {name: value for name, value in inside.items() if name in own and value.shape == own[name].shape}
    # Another family's stem may fit by chance.
    if not any(name.startswith('layers.') and name.endswith('weight') for name in fitting):
        name = next((name for name in own if name in inside and name not in fitting), None)
        why = (
            f'{name} has shape {tuple(inside[name].shape)} instead of {tuple(own[name].shape)}'
            if name
            else f'it has no {next(name for name in own if name not in inside)}'
        )
        raise CheckpointError(f'nothing of the stages in checkpoint {checkpoint} loads into the backbone: {why}')
    backbone.load_state_dict(fitting, strict=False)
    _report(own, inside, fitting, outside, checkpoint)


def _convert(weights: Mapping[str, Tensor], plan: Plan, checkpoint: str, prefix: str | None) -> dict[str, Tensor]:
    """Recognises another layout and returns the weights as the backbone of a plan has them."""
    arrays = {name: value.numpy(force=True) for name, value in weights.items()}
    try:
        found = identify(arrays, backbone={'type': V1 if isinstance(plan.stages[0][0], V1Unit) else V2})
        if found.layout.name == CANONICAL:
            raise CheckpointError(
                f'no name in it is of the backbone with prefix={prefix!r}, and it begins with '
                f'{next(iter(weights))}; give the prefix that its names have'
            )
        _check_structure(found, plan)
        canonical = decode(found, plan)
    except (CheckpointError, PermutationError) as error:
        raise CheckpointError(f'nothing of checkpoint {checkpoint} loads into the backbone: {error}') from error
    print_log(f'checkpoint {checkpoint}: converted from layout {found.layout.name!r}', logger='current')
    return {name: torch.from_numpy(array.copy()) for name, array in canonical.items() if not name.startswith(HEAD)}


def _check_structure(weights: Weights, plan: Plan) -> None:
    """Checks the options that a layout fixes and that shapes do not show; channel orders may be converted."""
    units = [unit for stage in plan.stages for unit in stage]
    own = {key: getattr(units[0], key, None) for key in ('down_unit', 'shuffle', 'residual')}
    own['pool_padding'] = plan.stem.pool_padding
    needed = {key: value for key, value in weights.layout.options.items() if key in own and own[key] != value}
    # At some widths both forms of V2's projecting unit are the same.
    if 'down_unit' in needed and all(
        replace(unit, down_unit=needed['down_unit']).named_convs() == unit.named_convs() for unit in units
    ):
        del needed['down_unit']
    if needed:
        options = ', '.join(f'{key}={value!r}' for key, value in needed.items())
        raise CheckpointError(
            f'it is of layout {weights.layout.name!r}, which computes with {options}; give the backbone these arguments'
        )


def _report(own: Mapping, inside: Mapping, fitting: Mapping, outside: list[str], checkpoint: str) -> None:
    missing = [name for name in own if name not in inside and not name.endswith(_COUNTER)]
    resized = [
        f'{name} {tuple(inside[name].shape)} instead of {tuple(own[name].shape)}'
        for name in own
        if name in inside and name not in fitting
    ]
    left_over = [name for name in inside if name not in own]
    loaded = f'checkpoint {checkpoint}: {len(fitting)} of {len(own)} tensors of the backbone loaded'
    faults = [
        f'{what}: {", ".join(names)}'
        for what, names in (
            ('not in the file', missing),
            ('of another shape', resized),
            ('not in the backbone', left_over),
        )
        if names
    ]
    if faults:
        print_log(f'{loaded}; {"; ".join(faults)}', logger='current', level=logging.WARNING)
    else:
        print_log(loaded, logger='current')
    if outside:
        print_log(
            f'checkpoint {checkpoint}: outside of the backbone and not used: {", ".join(outside)}', logger='current'
        )
