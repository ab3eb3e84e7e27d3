"""Checkpoints by file name or address."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import description
from shufflenet_zoo.weights.file_torch import read_checkpoint, to_state_dict
from shufflenet_zoo.weights.files import read_content

# torch's own switch for files that someone else's code reads.
_ONLY_WEIGHTS = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def fetch_checkpoint(name: str | Path, map_location: Any = 'cpu') -> dict:
    """Read a checkpoint from a file, or from anywhere mmengine loads from ('https://...', 'torchvision://...').

    Args:
        name: The file or address; weights in a .safetensors or .npz file will do.
        map_location: Where tensors go, as in torch.load. Default: 'cpu'.

    Returns:
        What the file holds: a state dict, or a dict with the state dict under 'state_dict'.

    Raises:
        CheckpointError: if the file is missing, cannot be fetched or read, or holds more than weights and logs.
    """
    if str(name).startswith(('http://', 'https://')):
        return read_checkpoint(_download(str(name)), map_location)
    if '://' in str(name):
        from mmengine.runner import CheckpointLoader

        with only_weights():
            return CheckpointLoader.load_checkpoint(name, map_location)
    path = Path(name).expanduser()
    if path.suffix in ('.safetensors', '.npz'):
        content = read_content(path)
        meta = {description.KEY: content.description.as_dict()} if content.description else {}
        return {'meta': meta, 'state_dict': to_state_dict(content.tensors)}
    return read_checkpoint(path, map_location)


def _download(address: str) -> Path:
    """Download a file into torch's cache unless it is there; of several processes, the main one does."""
    import torch
    from mmengine.dist import barrier, is_main_process

    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(address).name
    if is_main_process() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(address, str(path))
        except OSError as error:
            raise CheckpointError(f'checkpoint {address} cannot be downloaded: {error}') from error
    barrier()
    return path


@contextmanager
def only_weights() -> Iterator[None]:
    """Keep loaders that allow pickles, such as mmengine's of addresses, from running code that a file brings."""
    before = os.environ.get(_ONLY_WEIGHTS)
    os.environ[_ONLY_WEIGHTS] = '1'
    try:
        yield
    finally:
        os.environ.pop(_ONLY_WEIGHTS) if before is None else os.environ.update({_ONLY_WEIGHTS: before})
