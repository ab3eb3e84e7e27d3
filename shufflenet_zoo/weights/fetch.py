"""Checkpoints by file name or address."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shufflenet_zoo.weights import description, file_torch
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.download import cache_folder, download
from shufflenet_zoo.weights.file_torch import read_checkpoint, to_state_dict
from shufflenet_zoo.weights.files import format_of, read_content
from shufflenet_zoo.weights.layouts import CANONICAL
from shufflenet_zoo.weights.zoo import content_for, is_address

# torch's own switch for files that someone else's code reads.
_ONLY_WEIGHTS = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def fetch_checkpoint(name: str | Path, map_location: Any = 'cpu') -> dict:
    """Read a checkpoint from a file, from the index ('zoo://...') or from wherever mmengine loads ('https://...').

    Args:
        name: The file or address; weights of safetensors or numpy, or in a folder, will do as well.
        map_location: Where tensors go, as in torch.load. Default: 'cpu'.

    Returns:
        What the file holds: a state dict, or a dict with the state dict under 'state_dict'.

    Raises:
        CheckpointError: if the file is missing, cannot be fetched or read, or holds more than weights and logs.
    """
    if str(name).startswith(('http://', 'https://')):
        address = str(name)
        return read_checkpoint(download(address, cache_folder() / address.rpartition('/')[2]), map_location)
    if is_address(name):
        return as_checkpoint(content_for(name, CANONICAL))
    if '://' in str(name):
        from mmengine.runner import CheckpointLoader

        with only_weights():
            return CheckpointLoader.load_checkpoint(name, map_location)
    path = Path(name).expanduser()
    if format_of(path) is file_torch:
        return read_checkpoint(path, map_location)
    return as_checkpoint(read_content(path))


def as_checkpoint(content: Content) -> dict[str, Any]:
    """Return what was read of weights in the form of a PyTorch checkpoint."""
    said, meta = content.description, {}
    if said:
        # The names of the classes once more where OpenMMLab's tools look for them.
        names = {'dataset_meta': {'classes': said.class_names}} if said.class_names else {}
        meta = {description.KEY: said.as_dict()} | names
    return {'meta': meta, 'state_dict': to_state_dict(content.tensors)}


@contextmanager
def only_weights() -> Iterator[None]:
    """Keep loaders that allow pickles, such as mmengine's of addresses, from running code that a file brings."""
    before = os.environ.get(_ONLY_WEIGHTS)
    os.environ[_ONLY_WEIGHTS] = '1'
    try:
        yield
    finally:
        os.environ.pop(_ONLY_WEIGHTS) if before is None else os.environ.update({_ONLY_WEIGHTS: before})
