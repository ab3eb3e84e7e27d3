"""Where weights enter a PyTorch network: each way checks the wiring, and names every key that does not load."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from shufflenet_zoo.arch import V1, Architecture
from shufflenet_zoo.errors import CheckpointError, first_names
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.convert import SHUFFLES, decode
from shufflenet_zoo.weights.description import Description, check_wiring
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import description_of, to_state_dict, weights_of
from shufflenet_zoo.weights.layouts import CANONICAL, OWN_LAYOUTS
from shufflenet_zoo.weights.permutations import PermutationError
from shufflenet_zoo.weights.recognise import identify
from shufflenet_zoo.weights.subtree import layout_in, need_other_names
from shufflenet_zoo.weights.values import STATISTICS, check_values
from shufflenet_zoo.weights.zoo import content_in

_COUNTER = 'num_batches_tracked'
# Arguments that change how large the features are, not what a layer computes of its input.
_RESOLUTION = ('small_stem', 'output_stride')


def load_strictly(model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Load a checkpoint into a model that must have exactly its keys and shapes.

    ``num_batches_tracked`` may be missing, because weights converted from other frameworks have none.

    Args:
        model: A ShuffleNetV1 or ShuffleNetV2, or any model around one or around another backbone.
        checkpoint: What ``fetch_checkpoint`` returned.
        path: Named in errors.

    Raises:
        CheckpointError: if it belongs to another network, a key is missing or unexpected, a shape differs, or a value
            is not finite; the model is unchanged then.
    """
    weights, said = _weights_for(model, checkpoint, path)
    _check_wiring(model, said, path)
    own = model.state_dict()
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(
            f'checkpoint {path} holds no state dict; expected a dict of tensors, or one with such '
            f"a dict under 'state_dict'"
        )
    missing = [name for name in own if name not in weights and not name.endswith(_COUNTER)]
    faults = [
        _count(missing, 'missing'),
        _count([name for name in weights if name not in own], 'unexpected'),
        _count(_resized(own, weights), 'of other shape'),
    ]
    if any(faults):
        raise CheckpointError(
            f'checkpoint {path} does not fit the model: '
            f'{"; ".join(filter(None, faults))}; give the checkpoint of this architecture or the '
            f'config it was trained with'
        )
    _check_values(model, weights, path)
    model.load_state_dict(weights, strict=False)


def load_fitting(model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Load what fits of a checkpoint into a model, and log what does not, by name.

    Args:
        model: Any model.
        checkpoint: What ``fetch_checkpoint`` returned.
        path: Named in errors and in the log.

    Raises:
        CheckpointError: if it belongs to another network, has none of the model's weights, or a value is not finite.
    """
    weights, said = _weights_for(model, checkpoint, path)
    _check_wiring(model, said, path)
    prefix = next((f'{name}.' for name, module in model.named_modules() if _architecture_of(module) and name), '')
    weights = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    _load_fitting(model, weights, path, stages=f'{prefix}layers.' if _backbone_in(model) else '')


def load_pretrained(backbone: nn.Module, checkpoint: str, prefix: str | None = None, map_location: Any = 'cpu') -> None:
    """Load what fits of a checkpoint into a backbone and log what does not, by name.

    Weights of torchvision, megvii and every other layout that shufflenet_zoo.weights knows are converted. They may be
    those of a classifier of small images for a detector of large ones, or of another output_stride.

    Args:
        backbone: A ShuffleNetV1 or ShuffleNetV2.
        checkpoint: A file or an address that mmengine can load.
        prefix: What stands before the backbone's names in the file, such as 'backbone.'. Default: None, found. Files
            of other layouts are recognised whatever the prefix.
        map_location: Where tensors go first, as in torch.load.

    Raises:
        CheckpointError: if the file is unreadable, none of its stages loads, it belongs to another network, or a value
            is not finite.
    """
    content = fetch_checkpoint(checkpoint, map_location)
    weights = {name: value for name, value in weights_of(content).items() if isinstance(value, Tensor)}
    start = prefix or ''
    inside = {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
    outside = [name for name in weights if not name.startswith(start)]
    if layout_in(weights) != 'mindspore' and backbone.state_dict().keys() & inside.keys():
        _check_wiring(backbone, description_of(content, checkpoint), checkpoint, _RESOLUTION)
    else:
        inside = _convert(weights, backbone, description_of(content, checkpoint), checkpoint, prefix)
        outside = []
    _load_fitting(backbone, inside, checkpoint, stages='layers.')
    if outside:
        print_log(
            f'checkpoint {checkpoint}: outside of the backbone and not used: {", ".join(outside)}', logger='current'
        )


def _weights_for(
    model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path
) -> tuple[Mapping[str, Any], Description | None]:
    """Return the weights in a checkpoint by a model's names, and what they say about themselves."""
    weights, said, backbone = weights_of(checkpoint), description_of(checkpoint, path), _backbone_in(model)
    if backbone is None or not need_other_names(weights, model.state_dict().keys()):
        return weights, said
    arrays = {name: value.numpy(force=True) for name, value in weights.items() if isinstance(value, Tensor)}
    content = content_in(Content(arrays, said), path, CANONICAL, backbone.architecture, model is not backbone)
    return to_state_dict(content.tensors), content.description


def _architecture_of(module: nn.Module) -> Architecture | None:
    """Return the architecture of a backbone of ours, None of any other module."""
    architecture = getattr(module, 'architecture', None)
    return architecture if isinstance(architecture, Architecture) else None


def _backbone_in(model: nn.Module) -> nn.Module | None:
    """Return the backbone of ours in a model, None where it has none."""
    return next(filter(_architecture_of, model.modules()), None)


def _check_wiring(model: nn.Module, said: Description | None, path: str | Path, ignore: Iterable[str] = ()) -> None:
    if (backbone := _backbone_in(model)) is not None:
        check_wiring(backbone.architecture, said, path, backbone.layer_cfg.act_cfg, ignore)


def _convert(
    weights: Mapping[str, Tensor],
    backbone: nn.Module,
    said: Description | None,
    checkpoint: str,
    prefix: str | None,
) -> dict[str, Tensor]:
    """Recognise another layout, or our own behind a prefix, and return the weights as a backbone has them."""
    arrays, architecture = {name: value.numpy(force=True) for name, value in weights.items()}, backbone.architecture
    try:
        known, layout = {'type': architecture.family}, layout_in(arrays)
        if layout == CANONICAL and prefix is not None:
            raise CheckpointError(
                f'no name in it is of the backbone with prefix={prefix!r}, and it begins with {next(iter(weights))}; '
                f'give the prefix that its names have, or none'
            )
        if layout in OWN_LAYOUTS:
            _check_wiring(backbone, said, checkpoint, _RESOLUTION)
            known |= architecture
        found = identify(arrays, backbone=known, part='backbone')
        # What the layout fixes and shapes do not show; V1's channel orders are converted.
        if needed := architecture.difference(found.layout.options, ignore=(SHUFFLES[V1],)):
            options = ', '.join(f'{key}={value!r}' for key, value in needed.items())
            raise CheckpointError(
                f'it is of layout {found.layout.name!r}, which computes with {options}; '
                f'give the backbone these arguments'
            )
        canonical = decode(found, architecture.plan)
    except (CheckpointError, PermutationError) as error:
        raise CheckpointError(f'nothing of checkpoint {checkpoint} loads into the backbone: {error}') from error
    print_log(f'checkpoint {checkpoint}: converted from layout {found.layout.name!r}', logger='current')
    for note in found.notes:
        print_log(f'checkpoint {checkpoint}: {note}', logger='current')
    return {name: torch.from_numpy(array.copy()) for name, array in canonical.items()}


def _load_fitting(model: nn.Module, weights: Mapping[str, Tensor], path: str | Path, stages: str) -> None:
    """Load what fits and log what does not.

    Args:
        model: The model.
        weights: Tensors by the model's names.
        path: Named in errors and in the log.
        stages: What the names of those weights begin with of which some must fit; another family's stem may fit by
            chance.

    Raises:
        CheckpointError: if none of them fits, or a value of those is not finite.
    """
    own = model.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and value.shape == own[name].shape}
    if not any(name.startswith(stages) and name.endswith('weight') for name in fitting):
        why = next(iter(_resized(own, weights)), None) or (
            f'it has no {next(name for name in own if name.startswith(stages) and name not in weights)}'
        )
        part = 'the stages of the backbone' if stages else 'the model'
        raise CheckpointError(f'nothing of checkpoint {path} loads into {part}: {why}')
    _check_values(model, fitting, path)
    model.load_state_dict(fitting, strict=False)
    missing = [name for name in own if name not in weights and not name.endswith(_COUNTER)]
    left_over = [name for name in weights if name not in own]
    loaded = f'checkpoint {path}: {len(fitting)} of {len(own)} tensors loaded'
    faults = [
        f'{what}: {", ".join(names)}'
        for what, names in (
            ('not in the file', missing),
            ('of another shape', _resized(own, weights)),
            ('not in the model', left_over),
        )
        if names
    ]
    if faults:
        print_log(f'{loaded}; {"; ".join(faults)}', logger='current', level=logging.WARNING)
    else:
        print_log(loaded, logger='current')


def _check_values(model: nn.Module, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Check what a model learns of its weights; other buffers, such as a mask, may be infinite."""
    learned = dict(model.named_parameters())
    # numpy has no bfloat16; wider types are exact.
    check_values(
        (
            (name, (value if value.element_size() >= 4 else value.float()).numpy(force=True))
            for name, value in weights.items()
            if name in learned or name.endswith(STATISTICS)
        ),
        path,
    )


def _resized(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> list[str]:
    return [
        f'{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}'
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]


def _count(names: list[str], what: str) -> str:
    """Return '3 weights missing (a, b, ...)', or nothing for no names."""
    return f'{len(names)} weights {what} ({first_names(names)})' if names else ''
