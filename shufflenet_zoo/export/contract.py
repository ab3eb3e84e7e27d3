"""What the exporter, the sources of models and the formats agree on. Without a framework."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shufflenet_zoo.deployed.metadata import Loaded, Metadata, output_names
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.export.comparison import Found, Limits

# The modules of the formats; each has a FORMAT.
FORMATS = {
    'onnx': 'shufflenet_zoo.export.format_onnx',
    'openvino': 'shufflenet_zoo.export.format_openvino',
    'torch-export': 'shufflenet_zoo.export.format_torch_export',
    'torchscript': 'shufflenet_zoo.export.format_torchscript',
    'ncnn': 'shufflenet_zoo.export.format_ncnn',
    'mnn': 'shufflenet_zoo.export.format_mnn',
    'litert': 'shufflenet_zoo.export.format_litert',
    'executorch': 'shufflenet_zoo.export.format_executorch',
    'coreml': 'shufflenet_zoo.export.format_coreml',
    'mindir': 'shufflenet_zoo.export.format_mindir',
}
# The extras that bring what formats need, where that is not 'export'.
EXTRAS = {'ncnn': 'ncnn', 'mnn': 'mnn', 'litert': 'litert', 'coreml': 'coreml', 'mindir': 'mindspore'}
PRECISIONS = ('fp32', 'fp16', 'int8')
# Two sizes of photographs: a pipeline that makes the same of both makes that of every image.
PHOTOGRAPHS = ((480, 640), (500, 333))


@dataclass(frozen=True)
class Source:
    """A trained classifier.

    Attributes:
        model: A module or cell from normalised images of shape (N, C, H, W) to logits of shape (N, classes).
        run: Computes the logits of the trained network, before any rewriting, for a numpy array.
        in_channels: Channels of the images.
        min_size: The smallest side of an image that the network takes.
        metadata: What goes into the file.
        framework: 'torch' or 'mindspore'.
    """

    model: Any
    run: Callable[[np.ndarray], Any]
    in_channels: int
    min_size: int
    metadata: Metadata
    framework: str

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of what the model returns."""
        return output_names(self.metadata.as_texts())


@dataclass(frozen=True)
class DetectorSource(Source):
    """A trained detector; ``run`` returns the boxes, scores and classes of one image.

    Its model does so as well, or returns what is decoded into them.

    Attributes:
        images: Prepared images to compare a file on, each of shape (1, C, H, W).
        candidates: Finds what ``run`` does before overlapping boxes are left out.
        limits: What ends the results.
    """

    images: Sequence[np.ndarray]
    candidates: Callable[[np.ndarray], Found]
    limits: Limits


@dataclass(frozen=True)
class Shape:
    """The images that an exported model takes.

    Attributes:
        channels: Their channels.
        size: Height and width.
        dynamic: Whether the model takes any batch and any size, rather than this one.
        min_size: The smallest side where sizes are dynamic.
        batch: Images at once where sizes are not dynamic.
    """

    channels: int
    size: tuple[int, int]
    dynamic: bool = False
    min_size: int = 1
    batch: int = 1

    @property
    def example(self) -> tuple[int, int, int, int]:
        """A shape to trace with; the batch is not 1 where it is dynamic, lest tracing take it for constant."""
        return (2 if self.dynamic else self.batch, self.channels, *self.size)

    def to_check(self) -> list[tuple[int, int, int, int]]:
        """Return the shapes that a written file is compared with the live model at."""
        shapes = [(self.batch, self.channels, *self.size)]
        if self.dynamic:
            height, width = self.size
            shapes += [(3, self.channels, height, width), (2, self.channels, height + 13, width + 32)]
        return shapes


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffix: Suffix of its files.
        precisions: Those of PRECISIONS that it can hold.
        write: Writes a source's model: write(source, shape, precision, path).
        load: Loads a file into its runtime; where that does not exist for this system, what it returns cannot run.
        quantize: Turns an fp32 file into an int8 one: quantize(fp32 path, path, calibration batches).
        int8_detectors: Whether it does so with detectors, by a fourth argument: whether their first and last
            convolutions stay in float.
        frameworks: The frameworks whose models it can hold.
        dynamic: Whether it can hold models for any batch and image size.
        detectors: What detectors return in it: 'boxes', or 'outputs' of their heads where it cannot hold the decoding.
            Default: None, it can hold no detector.
        runs_code: Whether its files are programs, whose loading can do whatever the user can.
        check_hint: Checks that this machine can compute in a precision that a file asks for. Default: None, files
            cannot ask.
        run_in_instruction_sets: Runs a file under every instruction set that the runtime can be held at on this CPU;
            returns the logits of the images by the set's name. Default: None, it cannot be held.
    """

    suffix: str
    precisions: tuple[str, ...]
    write: Callable[[Source, Shape, str, Path], None]
    load: Callable[[Path], Loaded]
    quantize: Callable[..., None] | None = None
    int8_detectors: bool = False
    frameworks: tuple[str, ...] = ('torch',)
    dynamic: bool = True
    detectors: Literal['boxes', 'outputs'] | None = None
    runs_code: bool = False
    check_hint: Callable[[str], None] | None = None
    run_in_instruction_sets: Callable[[Path, Sequence[np.ndarray]], Mapping[str, np.ndarray]] | None = None


def check_trained(weights: Mapping[str, Any], path: str) -> None:
    """Check that the BatchNorms of a checkpoint have seen data.

    Raises:
        CheckpointError: if all of them have the statistics that they are built with.
    """
    means = [value for name, value in weights.items() if name.endswith(('running_mean', 'moving_mean'))]
    variances = [value for name, value in weights.items() if name.endswith(('running_var', 'moving_variance'))]
    if means and all((mean == 0).all() for mean in means) and all((variance == 1).all() for variance in variances):
        raise CheckpointError(
            f'checkpoint {path} is untrained: its BatchNorms have never seen an image; '
            f'give a checkpoint that training saved'
        )
