"""TorchScript files: traced and frozen, run by PyTorch or libtorch without Python."""

from pathlib import Path

import numpy as np
import torch

from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.half import in_half


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model; a trace takes any batch and size."""
    model = in_half(source.model) if precision == 'fp16' else source.model
    with torch.no_grad():
        traced = torch.jit.freeze(torch.jit.trace(model.eval(), torch.zeros(shape.example)))
    torch.jit.save(traced, str(path), _extra_files=source.metadata.as_texts())


def load(path: Path) -> Loaded:
    """Load a file into PyTorch."""
    texts = dict.fromkeys(Metadata.__dataclass_fields__, '')
    model = torch.jit.load(str(path), _extra_files=texts)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(images)).numpy()

    return Loaded(run, {key: text.decode() if isinstance(text, bytes) else text for key, text in texts.items()})


FORMAT = Format('.torchscript', ('fp32', 'fp16'), write, load, runs_code=True)
