"""Core ML's packages, written by coremltools; only macOS and iOS run them, so that here they are read again at most."""

import json
import logging
from pathlib import Path

import torch

logging.getLogger('coremltools').setLevel(logging.ERROR)  # it tells which versions it was tested with
import coremltools  # noqa: E402

from shufflenet_zoo.deployed.metadata import INPUT_NAME, OUTPUT_NAME, Loaded  # noqa: E402
from shufflenet_zoo.deployed.quiet import quiet  # noqa: E402
from shufflenet_zoo.errors import ExportError  # noqa: E402
from shufflenet_zoo.export.contract import Format, Shape, Source  # noqa: E402


def write(source: Source, shape: Shape, precision: str, path: Path) -> None:
    """Write a model for images of one size as an ML program; fp16 computes in half, between float32 ends.

    Raises:
        ExportError: if what was written has other inputs and outputs than the model.
    """
    images = torch.zeros(shape.example)
    with torch.no_grad(), quiet():
        traced = torch.jit.trace(source.model.eval(), images)
        program = coremltools.convert(
            traced,
            inputs=[coremltools.TensorType(INPUT_NAME, shape.example)],
            outputs=[coremltools.TensorType(OUTPUT_NAME)],
            minimum_deployment_target=coremltools.target.iOS15,
            compute_precision=getattr(coremltools.precision, {'fp32': 'FLOAT32', 'fp16': 'FLOAT16'}[precision]),
            skip_model_load=True,
        )
        program.user_defined_metadata.update(source.metadata.as_texts())
        program.save(str(path))
        logits = traced(images)
    _check_ends(path, {INPUT_NAME: list(shape.example), OUTPUT_NAME: list(logits.shape)})


def _check_ends(path: Path, expected: dict[str, list[int]]) -> None:
    description = coremltools.utils.load_spec(str(path)).description
    found = {end.name: list(end.type.multiArrayType.shape) for end in (*description.input, *description.output)}
    if found != expected:
        raise ExportError(f'{path.name} takes and gives {json.dumps(found)}, not {json.dumps(expected)}')


def load(path: Path) -> Loaded:
    """Read what a package says about itself; it cannot be run here."""
    description = coremltools.utils.load_spec(str(path)).description
    return Loaded(None, dict(description.metadata.userDefined))


FORMAT = Format('.mlpackage', ('fp32', 'fp16'), write, load, dynamic=False)
