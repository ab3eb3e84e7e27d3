"""Folders with model.safetensors and config.json, the form in which huggingface_hub's mixins keep models."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import description, file_safetensors
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.description import check_types, check_wiring

WEIGHTS, CONFIG = 'model.safetensors', 'config.json'
# Backbone arguments that say how its layers are made, and their defaults.
_LAYERS: dict[str, Any] = {'conv_cfg': None, 'norm_cfg': {'type': 'BN'}, 'act_cfg': {'type': 'ReLU'}}


def read(folder: Path) -> Content:
    """Read the tensors, and the description in config.json.

    Raises:
        CheckpointError: if one of the files is missing or damaged, or they are of different networks.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f'{folder} is a folder without {name}; one of weights holds {WEIGHTS} and {CONFIG}, as save_pretrained '
                f'writes them'
            )
    said = description.parse((folder / CONFIG).read_bytes(), folder / CONFIG)
    content = file_safetensors.read(folder / WEIGHTS)
    if content.description:
        try:
            check_wiring(said.architecture, content.description, WEIGHTS)
        except CheckpointError as error:
            raise CheckpointError(f'{folder}: {CONFIG} is not that of the weights beside it: {error}') from error
    return Content(content.tensors, said)


def read_layers(folder: Path) -> dict[str, Any]:
    """Return the backbone arguments in config.json that say how its layers are made.

    Raises:
        CheckpointError: if a type in them is not the plain name of a class.
    """
    backbone = json.loads((folder / CONFIG).read_bytes())['backbone']
    layers = {key: backbone[key] for key in _LAYERS if key in backbone}
    for key, value in layers.items():
        check_types(value, f'{folder / CONFIG}: {key}')
    return layers


def write(folder: Path, content: Content, layers: Mapping[str, Any]) -> None:
    """Write both files; each appears whole.

    Args:
        folder: It is made where it is missing.
        content: Tensors and their description.
        layers: The backbone's conv_cfg, norm_cfg and act_cfg.

    Raises:
        CheckpointError: if a type in them is not the plain name of a class.
        OSError: if the files cannot be written.
    """
    for key, value in layers.items():
        check_types(value, f'{folder / CONFIG}: {key}')
    config = content.description.as_dict()
    config['backbone'] |= {key: value for key, value in layers.items() if value != _LAYERS[key]}
    with replacing(folder / CONFIG) as config_draft, replacing(folder / WEIGHTS) as weights_draft:
        file_safetensors.write(weights_draft, content)
        config_draft.write_text(json.dumps(config, indent=2), encoding='utf-8')
