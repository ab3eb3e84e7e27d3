"""LiteRT's .tflite files, written by litert-torch in an environment of its own and run by LiteRT in this one."""

import json
import zipfile
from pathlib import Path

import ai_edge_litert  # noqa: F401  missed before anything is written

from shufflenet_zoo.deployed.runtimes import LITERT_METADATA, load_litert
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.engine_environments import engine_command, engine_python
from shufflenet_zoo.export.format_torch_export import write as write_program

engine_python('litert')


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size; the metadata is a file in the archive that such files may end with."""
    program = path.with_suffix('.pt2')
    write_program(source, shape, 'fp32', program)
    run_converter('litert-torch', engine_command('litert', program, path), path)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(LITERT_METADATA, json.dumps(source.metadata.as_texts(), indent=1))


FORMAT = Format('.tflite', ('fp32',), write, load_litert, dynamic=False, detectors='outputs')
