"""ExecuTorch's .pte files for XNNPACK, written and run in an environment of their own."""

import json
import math
import subprocess
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shufflenet_zoo.deployed.metadata import Loaded
from shufflenet_zoo.errors import ExportError
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.engine_environments import engine_command, engine_python
from shufflenet_zoo.export.format_torch_export import write as write_program

engine_python('executorch')


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size; beside it stays the exported program that it is made of."""
    program = path.with_suffix('.pt2')
    write_program(source, shape, 'fp32', program)
    texts = json.dumps(source.metadata.as_texts())
    run_converter('ExecuTorch', engine_command('executorch', 'convert', program, texts, path), path)


def quantize(source: Path, path: Path, batches: Sequence[np.ndarray]) -> None:
    """Quantize the exported program beside a file statically with XNNPACK's quantizer, weights by channel."""
    images = path.with_suffix('.npy')
    np.save(images, np.stack(batches))
    texts = json.dumps(load(source).texts)
    command = engine_command('executorch', 'convert', source.with_suffix('.pt2'), texts, path, images)
    run_converter("ExecuTorch's quantizer", command, path)


def load(path: Path) -> Loaded:
    """Load a file into ExecuTorch, in a process that lives as long as what this returns."""
    process = subprocess.Popen(
        list(map(str, engine_command('executorch', 'serve', path))),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    def run(images: np.ndarray) -> np.ndarray:
        try:
            process.stdin.write(json.dumps(images.shape).encode() + b'\n' + np.float32(images).tobytes())
            process.stdin.flush()
            shape = json.loads(process.stdout.readline())
            return np.frombuffer(process.stdout.read(4 * math.prod(shape)), np.float32).reshape(shape)
        except (OSError, ValueError) as error:
            raise ExportError(f'ExecuTorch cannot run {path.name}') from error

    # Where its input ends, so does the process.
    weakref.finalize(run, process.communicate)
    try:
        return Loaded(run, json.loads(process.stdout.readline()))
    except ValueError as error:
        raise ExportError(f'ExecuTorch cannot load {path.name}') from error


FORMAT = Format('.pte', ('fp32', 'int8'), write, load, quantize, dynamic=False)
