"""Writes the files that are measured in their runtimes, as tools/export.py writes them."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from shufflenet_zoo.benchmark.file_cases import CLASSES, ENGINES, FileCase
from shufflenet_zoo.benchmark.networks import TORCH
from shufflenet_zoo.benchmark.torch_engines import randomise
from shufflenet_zoo.deployed.metadata import Metadata
from shufflenet_zoo.deployed.seals import parts_of
from shufflenet_zoo.export.contract import Shape, Source
from shufflenet_zoo.export.exporter import load_format
from shufflenet_zoo.export.forms import is_deploy_fastest

# Images of noise by which files are quantized.
_CALIBRATION = 16


def write_files(cases: Iterable[FileCase], folder: Path) -> dict[str, dict[str, object]]:
    """Write files.

    Args:
        cases: What they are, as FileCase.file gives it.
        folder: Where they go.

    Returns:
        The path and the size in bytes of each, by the case's name.
    """
    warnings.simplefilter('ignore')
    return {case.name: _write(case, folder) for case in cases}


def _write(case: FileCase, folder: Path) -> dict[str, object]:
    engine = ENGINES[case.engine]
    target = load_format(engine.format)
    torch.manual_seed(0)
    model = randomise(TORCH[case.network]()).eval().requires_grad_(False)
    deployed = is_deploy_fastest(engine.format, CLASSES[case.network]) if case.form == 'int8' else case.form == 'deploy'
    if deployed:
        from shufflenet_zoo.backbones import to_deploy

        model = to_deploy(model)
    size = (case.size, case.size)
    metadata = Metadata(
        (0.0,) * 3, (1.0,) * 3, 'rgb', size, (), dynamic=case.dynamic, precision_hint=engine.precision_hint
    )
    path = folder / f'{case.name}{target.suffix}'
    source = Source(model, None, 3, 32, metadata, 'torch')
    target.write(source, Shape(3, size, case.dynamic, 32, case.batch), 'fp32', path)
    if case.form == 'int8':
        generator = np.random.default_rng(0)
        noise = [generator.standard_normal((1, 3, *size), dtype=np.float32) for _ in range(_CALIBRATION)]
        path, whole = folder / f'{case.name}-quantized{target.suffix}', path
        target.quantize(whole, path, noise)
    return {'path': str(path), 'bytes': sum(part.stat().st_size for part in parts_of(path))}
