"""What a visitor can choose: models, and the engines that run each of them."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from mmengine.config import Config

from shufflenet_zoo import deployed
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.export.exporter import ExportOptions, export
from shufflenet_zoo.jobs.backends import INSPECTORS, PREDICTORS, PredictOptions, load_backend
from shufflenet_zoo.jobs.inspection import HeatMap, is_classifier
from shufflenet_zoo.jobs.predictions import Prediction

PYTORCH, MINDSPORE, EXPORTED = 'PyTorch', 'MindSpore', 'ONNX Runtime'
_BACKENDS = {PYTORCH: 'torch', MINDSPORE: 'mindspore'}
# Packages without which an engine cannot run.
_PACKAGES = {PYTORCH: ('mmpretrain',), MINDSPORE: ('mindspore',), EXPORTED: ('mmpretrain', 'onnxscript', 'onnxruntime')}
_ALL_CLASSES = sys.maxsize


class Model(Protocol):
    """A model that a visitor can choose.

    Attributes:
        name: What it is called.
        engines: What can run it.
        is_detector: Whether it finds objects rather than classes of whole images.
    """

    name: str
    engines: Sequence[str]
    is_detector: bool

    def find(self, picture: str, engine: str, score_threshold: float) -> Prediction:
        """Return every class of a picture, or the objects that are at least so certain."""

    def explain(self, picture: str, engines: Sequence[str]) -> HeatMap | None:
        """Return where the most probable class is seen, by the first of some engines that has gradients."""


class Network:
    """A network with its weights, which both frameworks build, and which is exported when that is first asked for.

    Args:
        name: What it is called.
        config: Its config.
        checkpoint: Its weights: a file or an address.
        folder: Where an exported file goes.
    """

    def __init__(self, name: str, config: Config, checkpoint: str, folder: Path) -> None:
        self.name = name
        self.is_detector = not is_classifier(config)
        possible = (PYTORCH,) if self.is_detector else tuple(_PACKAGES)
        self.engines = [engine for engine in possible if all(map(find_spec, _PACKAGES[engine]))]
        self._config, self._checkpoint = config, checkpoint
        self._file = folder / f'{Path(name).stem}.onnx'
        self._exported: ExportedFile | None = None

    def find(self, picture: str, engine: str, score_threshold: float) -> Prediction:
        if engine == EXPORTED:
            return self._export().find(picture, engine, score_threshold)
        options = PredictOptions(top_k=_ALL_CLASSES, score_threshold=score_threshold)
        (found,) = load_backend(_BACKENDS[engine], PREDICTORS).predict(
            self._config, self._checkpoint, [picture], options
        )
        return found

    def explain(self, picture: str, engines: Sequence[str]) -> HeatMap | None:
        backend = next((_BACKENDS[engine] for engine in engines if engine in _BACKENDS), None)
        if self.is_detector or backend is None:
            return None
        (found,) = load_backend(backend, INSPECTORS).find_evidence(self._config, self._checkpoint, [picture])
        return found

    def _export(self) -> 'ExportedFile':
        if self._exported is None:
            options = ExportOptions('onnx', dynamic=True, out=str(self._file))
            self._exported = ExportedFile(export(self._config, self._checkpoint, options).path)
        return self._exported


class ExportedFile:
    """A file of tools/export.py, in its own runtime.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.engines = ['the exported file']
        self._model = deployed.load(path)
        self.is_detector = isinstance(self._model, deployed.Detector)

    def find(self, picture: str, engine: str, score_threshold: float) -> Prediction:
        limit = {'score_threshold': score_threshold} if self.is_detector else {'top_k': _ALL_CLASSES}
        return Prediction(picture, read_image(picture), self._model(picture, **limit))

    def explain(self, picture: str, engines: Sequence[str]) -> None:
        return None
