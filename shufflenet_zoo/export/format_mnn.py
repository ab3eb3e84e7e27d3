"""MNN's files, written from ONNX by its converter and run by MNN."""

import json
import sys
from importlib.metadata import distribution
from pathlib import Path

from shufflenet_zoo.deployed.runtimes import load_mnn
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.format_onnx import write as write_onnx

distribution('MNN')  # missed before anything is written; importing it would print

# The compiled half of MNN's converter: importing the other, MNN.tools, installs a package that reports its use.
_CONVERT = 'import sys, _tools; _tools.mnnconvert(sys.argv)'


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model; fp16 stores the weights in half."""
    onnx = path.with_suffix('.onnx')
    write_onnx(source, shape, 'fp32', onnx)
    # The code of a business, which MNN hands through untouched, is the only text that a file can hold.
    texts = json.dumps(source.metadata.as_texts())
    options = ['-f', 'ONNX', '--modelFile', onnx, '--MNNModel', path, '--bizCode', texts]
    command = [sys.executable, '-c', _CONVERT, *options, *(['--fp16'] if precision == 'fp16' else [])]
    run_converter("MNN's converter", command, path)


FORMAT = Format('.mnn', ('fp32', 'fp16'), write, load_mnn, detectors='outputs')
