"""ExecuTorch's .pte files for XNNPACK, written and run in an environment of their own."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from shufflenet_zoo.deployed.metadata import Loaded
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.engine_environments import engine_command, engine_python
from shufflenet_zoo.export.format_torch_export import write as write_program

engine_python('executorch')


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size."""
    program = path.with_suffix('.pt2')
    write_program(source, shape, 'fp32', program)
    texts = json.dumps(source.metadata.as_texts())
    run_converter('ExecuTorch', engine_command('executorch', 'convert', program, texts, path), path)


def load(path: Path) -> Loaded:
    """Load a file into ExecuTorch; every run is a process of its own."""

    def run(images: np.ndarray) -> np.ndarray:
        with TemporaryDirectory() as folder:
            given, logits = Path(folder) / 'images.npy', Path(folder) / 'logits.npy'
            np.save(given, images)
            run_converter('ExecuTorch', engine_command('executorch', 'run', path, given, logits), logits)
            return np.load(logits)

    with TemporaryDirectory() as folder:
        texts = Path(folder) / 'texts.json'
        run_converter('ExecuTorch', engine_command('executorch', 'describe', path, texts), texts)
        return Loaded(run, json.loads(texts.read_text()))


FORMAT = Format('.pte', ('fp32',), write, load, dynamic=False)
