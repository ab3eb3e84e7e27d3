"""OpenVINO's files, an .xml and a .bin, run by OpenVINO on the CPU."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino
import torch

from shufflenet_zoo.deployed.metadata import INPUT_NAME
from shufflenet_zoo.deployed.runtimes import OPENVINO_SECTION, load_openvino, openvino_texts
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.instruction_sets import run_in_instruction_sets


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model; fp16 stores the weights in half, and OpenVINO chooses in which precision to compute."""
    dimensions = [-1, shape.channels, -1, -1] if shape.dynamic else list(shape.example)
    model = openvino.convert_model(
        source.model, example_input=torch.zeros(shape.example), input=openvino.PartialShape(dimensions)
    )
    model.input(0).set_names({INPUT_NAME})
    for output, name in zip(model.outputs, source.outputs, strict=True):
        output.set_names({name})
    _save(model, path, source.metadata.as_texts(), precision == 'fp16')


def _save(model: openvino.Model, path: Path, texts: Mapping[str, str], half: bool) -> None:
    for key, text in texts.items():
        model.set_rt_info(text, [OPENVINO_SECTION, key])
    openvino.save_model(model, str(path), compress_to_fp16=half)


def quantize(source: Path, path: Path, batches: Sequence[np.ndarray], ends_in_float: bool | None = None) -> None:
    """Quantize statically with NNCF, all but grouped convolutions that are not depthwise.

    In int8, OpenVINO computes those wrongly on CPUs with AMX, whatever the CPU that quantizes. Of a detector, nothing
    is quantized that comes after the last convolutions.

    Args:
        source: The file.
        path: The quantized file.
        batches: The images.
        ends_in_float: Whether the first and the last convolutions of a detector stay in float. Default: None, it is a
            classifier.
    """
    import nncf

    logging.getLogger('nncf').setLevel(logging.ERROR)
    model = openvino.Core().read_model(str(source))
    kept = _grouped_convolutions(model)
    if ends_in_float is not None:
        kept += _outside_of_convolutions(model, ends_in_float)
    quantized = nncf.quantize(
        model,
        nncf.Dataset(list(batches)),
        subset_size=len(batches),
        # What NNCF's graph lacks, such as constants, may be named.
        ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
    )
    _save(quantized, path, openvino_texts(model), half=False)


def _outside_of_convolutions(model: openvino.Model, ends: bool) -> list[str]:
    """Return the operators that no convolution comes after, and the first and the last convolutions too if asked."""
    nodes = model.get_ordered_ops()
    convolutions = [node.get_type_name() in ('Convolution', 'GroupConvolution') for node in nodes]
    names = [node.get_friendly_name() for node in nodes]
    places = {name: index for index, name in enumerate(names)}
    inputs = [[places[value.get_node().get_friendly_name()] for value in node.input_values()] for node in nodes]
    before, after = [False] * len(nodes), [False] * len(nodes)
    for index, own in enumerate(inputs):
        before[index] = any(before[other] or convolutions[other] for other in own)
    for index in reversed(range(len(nodes))):
        for other in inputs[index]:
            after[other] |= after[index] or convolutions[index]
    return [
        name
        for name, is_convolution, has_before, has_after in zip(names, convolutions, before, after, strict=True)
        if (ends and not (has_before and has_after) if is_convolution else has_before and not has_after)
    ]


def _grouped_convolutions(model: openvino.Model) -> list[str]:
    grouped = [node for node in model.get_ops() if node.get_type_name() == 'GroupConvolution']
    # Weights are (groups, outputs, inputs, height, width), the middle two of a group.
    return [node.get_friendly_name() for node in grouped if list(node.input(1).get_shape())[1:3] != [1, 1]]


def check_hint(hint: str) -> None:
    """Check that a hint changes what this CPU computes in, so that the file can be checked.

    Raises:
        ConfigError: if the CPU has no bfloat16.
    """
    if hint == 'bf16' and 'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        raise ConfigError('--precision-hint bf16: this CPU has no bfloat16, so the file could not be checked')


FORMAT = Format(
    '.xml',
    ('fp32', 'fp16', 'int8'),
    write,
    load_openvino,
    quantize,
    detectors='boxes',
    int8_detectors=True,
    check_hint=check_hint,
    run_in_instruction_sets=run_in_instruction_sets,
)
