"""OpenVINO's files, an .xml and a .bin, run by OpenVINO on the CPU."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino
import torch

from shufflenet_zoo.export.contract import INPUT_NAME, OUTPUT_NAME, Format, Loaded, Shape, Source

_SECTION = 'shufflenet_zoo'


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model; fp16 stores the weights in half, and OpenVINO chooses in which precision to compute."""
    dimensions = [-1, shape.channels, -1, -1] if shape.dynamic else list(shape.example)
    model = openvino.convert_model(
        source.model, example_input=torch.zeros(shape.example), input=openvino.PartialShape(dimensions)
    )
    model.input(0).set_names({INPUT_NAME})
    model.output(0).set_names({OUTPUT_NAME})
    _save(model, path, source.metadata.as_texts(), precision == 'fp16')


def _save(model: openvino.Model, path: Path, texts: Mapping[str, str], half: bool) -> None:
    for key, text in texts.items():
        model.set_rt_info(text, [_SECTION, key])
    openvino.save_model(model, str(path), compress_to_fp16=half)


def quantize(source: Path, path: Path, batches: Sequence[np.ndarray]) -> None:
    """Quantize statically with NNCF."""
    import nncf

    logging.getLogger('nncf').setLevel(logging.ERROR)
    model = openvino.Core().read_model(str(source))
    quantized = nncf.quantize(model, nncf.Dataset(list(batches)), subset_size=len(batches))
    _save(quantized, path, _texts(model), half=False)


def load(path: Path) -> Loaded:
    """Load a file into OpenVINO, to compute in float32 what is not quantized."""
    core = openvino.Core()
    model = core.read_model(str(path))
    compiled = core.compile_model(model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return Loaded(lambda images: compiled(images)[0], _texts(model))


def _texts(model: openvino.Model) -> dict[str, str]:
    if not model.has_rt_info([_SECTION]):
        return {}
    return {key: model.get_rt_info([_SECTION, key]).astype(str) for key in model.get_rt_info([_SECTION]).value}


FORMAT = Format(
    '.xml',
    ('fp32', 'fp16', 'int8'),
    write,
    load,
    quantize,
    parts=lambda path: [path, path.with_suffix('.bin')],
)
