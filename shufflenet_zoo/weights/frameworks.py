"""Which framework a checkpoint is for."""

from pathlib import Path

from shufflenet_zoo.weights import file_ckpt, file_safetensors
from shufflenet_zoo.weights.files import format_of, read_content

TORCH, MINDSPORE = 'torch', 'mindspore'


def framework_of(checkpoint: str | Path) -> str:
    """Return the framework that loads a checkpoint as it is: 'torch' or 'mindspore'; 'torch' where either does.

    Args:
        checkpoint: A weight file or a folder with one, or an address such as 'zoo://...'.

    Raises:
        CheckpointError: if the file is missing, or no weight file.
    """
    if '://' in str(checkpoint) or Path(checkpoint).is_dir():
        return TORCH
    found = format_of(checkpoint)
    if found is file_safetensors:
        said = read_content(checkpoint).description
        return MINDSPORE if said and said.layout == MINDSPORE else TORCH
    return MINDSPORE if found is file_ckpt else TORCH
