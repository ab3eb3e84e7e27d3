"""ONNX files, run by ONNX Runtime."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # noqa: F401  what checks the file, missed before it is written

from shufflenet_zoo.deployed.metadata import DETECTOR_OUTPUTS, INPUT_NAME, OUTPUT_NAME
from shufflenet_zoo.deployed.runtimes import load_onnx
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.contract import DetectorSource, Format, Shape, Source
from shufflenet_zoo.export.onnx_cleaning import clean

OPSET = 17
_DYNAMIC_AXES = {INPUT_NAME: {0: 'batch', 2: 'height', 3: 'width'}, OUTPUT_NAME: {0: 'batch'}}
# Of one image of one size; how many boxes it has is not known before.
_DETECTOR_AXES = {name: {0: 'found'} for name in DETECTOR_OUTPUTS}


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model as ONNX; fp16 keeps float32 inputs and outputs."""
    _write_torch(source, shape, path) if source.framework == 'torch' else _write_mindspore(source, shape, path)
    model = onnx.load(path)
    if source.framework == 'torch' and not isinstance(source, DetectorSource):
        model = clean(model)
    if precision == 'fp16':
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = convert_float_to_float16(model, keep_io_types=True)
    _set_metadata(model, source.metadata.as_texts())
    onnx.save(model, path)


def _write_torch(source: Source, shape: Shape, path: Path) -> None:
    import torch

    # The exporter by tracing: that by torch.export needs the sizes' parity fixed, and gives the same graph.
    axes = _DETECTOR_AXES if source.outputs == DETECTOR_OUTPUTS else _DYNAMIC_AXES if shape.dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            source.model,
            (torch.zeros(shape.example),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=list(source.outputs),
            dynamic_axes=axes,
        )


def _write_mindspore(source: Source, shape: Shape, path: Path) -> None:
    from shufflenet_zoo.mindspore_impl.deploy import export

    if shape.dynamic:
        raise ConfigError(
            '--dynamic: MindSpore writes ONNX for one size only; take --format mindir, '
            'or the PyTorch checkpoint with --backend torch'
        )
    export(source.model, shape.example, False, path, 'ONNX')


def _set_metadata(model: onnx.ModelProto, texts: Mapping[str, str]) -> None:
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(texts))


def quantize(source: Path, path: Path, batches: Sequence[np.ndarray]) -> None:
    """Quantize statically with ONNX Runtime's quantizer, weights by channel."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.left, None)
            return None if batch is None else {INPUT_NAME: batch}

    texts = {prop.key: prop.value for prop in onnx.load(source).metadata_props}
    prepared = path.with_suffix('.prepared.onnx')
    logging.disable(logging.WARNING)
    try:
        quant_pre_process(str(source), str(prepared))
        quantize_static(
            str(prepared),
            str(path),
            Batches(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=['Conv', 'Gemm', 'MatMul'],
        )
    finally:
        logging.disable(logging.NOTSET)
        prepared.unlink(missing_ok=True)
    model = onnx.load(path)
    _set_metadata(model, texts)
    onnx.save(model, path)


FORMAT = Format(
    '.onnx',
    ('fp32', 'fp16', 'int8'),
    write,
    load_onnx,
    quantize,
    frameworks=('torch', 'mindspore'),
    detectors='boxes',
)
