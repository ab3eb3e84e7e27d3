"""MindIR files, written and run by MindSpore."""

import json
from pathlib import Path

import shufflenet_zoo.mindspore_impl  # noqa: F401  sets oneDNN up before mindspore's first convolution  # isort: skip
import mindspore as ms
import numpy as np
from mindspore import nn
from mindspore.train import mind_ir_pb2

from shufflenet_zoo.deployed.metadata import Loaded
from shufflenet_zoo.export.contract import Format, Shape, Source


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a MindSpore cell; the metadata lies in the file's doc_string as JSON."""
    from shufflenet_zoo.mindspore_impl.deploy import export

    export(source.model, shape.example, shape.dynamic, path, 'MINDIR')
    program = mind_ir_pb2.ModelProto()
    program.ParseFromString(path.read_bytes())
    program.doc_string = json.dumps(source.metadata.as_texts())
    path.write_bytes(program.SerializeToString())


def load(path: Path) -> Loaded:
    """Load a file into MindSpore."""
    program = mind_ir_pb2.ModelProto()
    program.ParseFromString(path.read_bytes())
    ms.set_context(mode=ms.GRAPH_MODE)
    cell = nn.GraphCell(ms.load(str(path)))

    def run(images: np.ndarray) -> np.ndarray:
        return cell(ms.Tensor(images)).asnumpy().astype(np.float32)

    return Loaded(run, json.loads(program.doc_string or '{}'))


FORMAT = Format('.mindir', ('fp32',), write, load, frameworks=('mindspore',))
