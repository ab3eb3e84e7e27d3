"""LiteRT's .tflite files, written by litert-torch in an environment of its own and run by LiteRT in this one."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import ai_edge_litert  # noqa: F401  missed before anything is written
import numpy as np

from shufflenet_zoo.deployed.runtimes import LITERT_METADATA, load_litert
from shufflenet_zoo.deployed.seals import UNSEALED
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.engine_environments import engine_command, engine_python
from shufflenet_zoo.export.format_torch_export import write as write_program

engine_python('litert')


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size; the metadata is a file in the archive that such files may end with."""
    program = path.with_suffix('.pt2')
    write_program(source, shape, 'fp32', program)
    run_converter('litert-torch', engine_command('litert', 'convert', program, path), path)
    _append(path, source.metadata.as_texts())


def quantize(source: Path, path: Path, batches: Sequence[np.ndarray]) -> None:
    """Quantize statically with ai-edge-quantizer."""
    images = path.with_suffix('.npy')
    np.save(images, np.stack(batches))
    run_converter('ai-edge-quantizer', engine_command('litert', 'quantize', source, images, path), path)
    _append(path, load_litert(source).texts)


def _append(path: Path, texts: Mapping[str, str]) -> None:
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(LITERT_METADATA, json.dumps(dict(texts), indent=1))
        # Where no checksum holds it: the digest of the file takes its place.
        archive.comment = UNSEALED.encode()


FORMAT = Format('.tflite', ('fp32', 'int8'), write, load_litert, quantize, dynamic=False, detectors='outputs')
