"""ncnn's files, a .ncnn.param and a .ncnn.bin, written by pnnx and run by ncnn; a .ncnn.json holds the metadata."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import ncnn  # noqa: F401  missed before anything is written
import pnnx
import torch
from torch import nn

from shufflenet_zoo.deployed.metadata import INPUT_NAME
from shufflenet_zoo.deployed.runtimes import load_ncnn
from shufflenet_zoo.errors import ExportError
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size; fp16 stores the weights in half."""
    traced = path.with_suffix('.pt')
    with torch.no_grad():
        torch.jit.trace(_unshared(source.model), torch.zeros(shape.example)).save(str(traced))
    # pnnx leaves further files beside the traced one.
    command = [
        pnnx.EXEC_PATH,
        traced,
        f'inputshape=[{",".join(map(str, shape.example))}]',
        f'ncnnparam={path}',
        f'ncnnbin={path.with_suffix(".bin")}',
        f'fp16={int(precision == "fp16")}',
    ]
    run_converter('pnnx', command, path)
    param = path.read_text(encoding='utf-8')
    _check_layers(param)
    path.write_text(_rename(param, source.outputs), encoding='utf-8')
    path.with_suffix('.json').write_text(json.dumps(source.metadata.as_texts(), indent=1), encoding='utf-8')


def _unshared(model: nn.Module) -> nn.Module:
    """Return a copy with no layer in two places, as RTMDet's heads of different levels have, which pnnx cannot read."""
    model, seen = copy.deepcopy(model).eval(), set()
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if layer in seen:
                setattr(parent, name, copy.deepcopy(layer))
            seen.add(layer)
    return model


def _check_layers(param: str) -> None:
    # pnnx leaves what ncnn lacks under PyTorch's names, such as torch.index_select.
    missing = sorted(
        {line.split()[0] for line in param.splitlines() if '.' in line.split()[0] or ':' in line.split()[0]}
    )
    if missing:
        raise ExportError(f'ncnn has no operator {", ".join(missing)}; try --no-deploy, which needs others')


def _rename(param: str, outputs: Sequence[str]) -> str:
    # What pnnx calls the tensors.
    names = {'in0': INPUT_NAME} | {f'out{number}': name for number, name in enumerate(outputs)}
    return '\n'.join(' '.join(names.get(word, word) for word in line.split(' ')) for line in param.split('\n'))


FORMAT = Format(
    '.ncnn.param',
    ('fp32', 'fp16'),
    write,
    load_ncnn,
    dynamic=False,
    detectors='outputs',
)
