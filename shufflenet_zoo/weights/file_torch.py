"""PyTorch files: read by torch's weights_only reader, so that no pickle can run code."""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.errors import CheckpointError, DependencyError
from shufflenet_zoo.weights import metadata
from shufflenet_zoo.weights.backbone_options import reduced
from shufflenet_zoo.weights.content import Content, bfloat16, check_unpacked_size
from shufflenet_zoo.weights.layouts import CANONICAL

# Where trainers put the weights in a checkpoint, the ones to use first.
WRAPPERS = ('state_dict', 'model', 'ema_state_dict')


def read(path: Path) -> Content:
    """Read a state dict, bare or in a checkpoint."""
    try:
        from shufflenet_zoo.openmmlab.checkpoint import read_checkpoint
    except ImportError as error:
        raise DependencyError(
            f'{path} needs the package {error.name!r}, which is not installed; a .safetensors file needs none'
        ) from error
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, path)
    with warnings.catch_warnings():
        # torch remarks on pickle protocols and storages, which says nothing that the user can mend.
        warnings.simplefilter('ignore')
        checkpoint = read_checkpoint(path)
    state = next((checkpoint[key] for key in WRAPPERS if isinstance(checkpoint.get(key), Mapping)), checkpoint)
    tensors = {key: _to_numpy(key, value, path) for key, value in state.items()}
    return Content(tensors, _description(checkpoint, path))


def _description(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    meta = checkpoint.get('meta')
    if not isinstance(meta, Mapping):
        return None
    if metadata.KEY in meta:
        return metadata.check(meta[metadata.KEY], path)
    # What a trainer saved names its config.
    backbone = metadata.backbone_of_config(meta['cfg']) if isinstance(meta.get('cfg'), str) else None
    return {'layout': CANONICAL, 'backbone': reduced(backbone)} if backbone else None


def _to_numpy(key: Any, value: Any, path: Path) -> np.ndarray:
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        raise CheckpointError(
            f'{path} holds no state dict: {key!r} is a {type(value).__name__}; expected tensors by '
            f'name, or a dict with such a dict under {", ".join(WRAPPERS)}'
        )
    if value.layout != torch.strided or value.is_quantized:
        raise CheckpointError(f'{path}: tensor {key} is sparse or quantized; weights must be dense floating point')
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(f'{path}: tensor {key} claims more values than the file has for it')
    value = value.detach().contiguous()
    try:
        return value.view(torch.int16).numpy().view(bfloat16()) if value.dtype == torch.bfloat16 else value.numpy()
    except TypeError as error:
        raise CheckpointError(
            f'{path}: tensor {key} is of type {value.dtype}; weights must be fp32, fp16 or bf16'
        ) from error


def write(path: Path, content: Content) -> None:
    """Write a checkpoint with the description in it, or without one the bare state dict."""
    try:
        import torch
    except ImportError as error:
        raise DependencyError('writing a PyTorch file needs torch; a .safetensors file needs none') from error

    state = to_state_dict(content.tensors)
    torch.save(
        {'meta': {metadata.KEY: content.description}, 'state_dict': state} if content.description else state, path
    )


def to_state_dict(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return copies of arrays as torch's tensors."""
    import torch

    def convert(array: np.ndarray) -> torch.Tensor:
        array = np.array(array, order='C')
        if array.dtype.name == 'bfloat16':
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    return {name: convert(array) for name, array in tensors.items()}
