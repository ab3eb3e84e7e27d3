"""Files of torch.export, run by PyTorch, or compiled by its inductor."""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch.export import Dim

from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.half import in_half

# Pixels above the smallest size that keep every feature map above one pixel, which torch.export takes for another case.
_MARGIN = 4


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model as an exported program."""
    model = in_half(source.model) if precision == 'fp16' else source.model
    dimensions = None
    if shape.dynamic:
        smallest = shape.min_size + _MARGIN
        dimensions = {0: Dim('batch'), 2: Dim('height', min=smallest), 3: Dim('width', min=smallest)}
    with torch.no_grad():
        program = torch.export.export(
            model.eval(), (torch.zeros(shape.example),), dynamic_shapes=(dimensions,) if dimensions else None
        )
    torch.export.save(program, path, extra_files=source.metadata.as_texts())


def load(path: Path) -> Loaded:
    """Load a file into PyTorch."""
    texts = dict.fromkeys(Metadata.__dataclass_fields__, '')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = torch.export.load(path, extra_files=texts).module()

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(images)).numpy()

    return Loaded(run, texts)


# Parts of such a file are unpickled.
FORMAT = Format('.pt2', ('fp32', 'fp16'), write, load, runs_code=True)
