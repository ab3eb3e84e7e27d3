"""Files that the frameworks' own export calls write, run by their runtimes against the live networks."""

import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.checks.forward import FORWARD_BOUND
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome, relative
from shufflenet_zoo.equivalence.mindspore_network import GRAPH
from shufflenet_zoo.equivalence.mutations import Mutation
from shufflenet_zoo.equivalence.signal import draw_images
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.trio import Trio, build_trio

_BATCH_SIZE = 2
_SIZE_PER_STRIDE = 16
_ONNX_PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')


def check_exports(subject: Subject, mutation: Mutation | None = None) -> Outcome:
    """Compare ONNX and MindIR with the live networks of both frameworks, at every stage."""
    size = _SIZE_PER_STRIDE * subject.plan.stem.stride
    images = draw_images((_BATCH_SIZE, subject.plan.in_channels, size, size))
    trio = build_trio(subject, GRAPH, mutation)
    live = {'live PyTorch': trio.single.evaluate(images), 'live MindSpore': trio.mindspore.evaluate(images)}
    measurements, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        measurements += _compare(trio, 'MindIR', _run_mindir(trio, images, Path(folder)), live)
        missing = [package for package in _ONNX_PACKAGES if find_spec(package) is None]
        if missing:
            notes.append(f'exports: ONNX was not compared, because {", ".join(missing)} is not installed')
            return Outcome(tuple(measurements), notes=tuple(notes))
        measurements += _compare(trio, 'ONNX of PyTorch', _run_torch_onnx(trio, images, Path(folder)), live)
        try:
            outputs = _run_mindspore_onnx(trio, images, Path(folder))
        except RuntimeError as error:
            notes.append(
                f"exports: MindSpore's own ONNX export cannot write {subject.name}: "
                f'{str(error).splitlines()[0].strip()}'
            )
        else:
            measurements += _compare(trio, 'ONNX of MindSpore', outputs, live)
    return Outcome(tuple(measurements), notes=tuple(notes))


def _compare(
    trio: Trio, file_format: str, outputs: Sequence[np.ndarray], live: Mapping[str, Mapping[str, np.ndarray]]
) -> list[Measurement]:
    exported = dict(zip(trio.subject.outputs, outputs, strict=True))
    return [
        Measurement(
            trio.subject.name,
            'exports',
            f'{file_format} against {name}',
            stage,
            relative(exported[stage], features[stage]),
            FORWARD_BOUND,
        )
        for name, features in live.items()
        for stage in features
    ]


def _run_mindir(trio: Trio, images: np.ndarray, folder: Path) -> list[np.ndarray]:
    import mindspore as ms
    from mindspore import nn

    model = trio.mindspore.model
    model.set_train(False)
    ms.export(model, ms.Tensor(images), file_name=str(folder / 'network'), file_format='MINDIR')
    loaded = nn.GraphCell(ms.load(str(folder / 'network.mindir')))
    return [output.asnumpy() for output in loaded(ms.Tensor(images))]


def _run_torch_onnx(trio: Trio, images: np.ndarray, folder: Path) -> list[np.ndarray]:
    import torch

    file = folder / 'torch.onnx'
    trio.single.model.eval()
    torch.onnx.export(trio.single.model, (torch.from_numpy(images),), str(file), dynamo=True, verbose=False)
    return _run_onnx(file, images)


def _run_mindspore_onnx(trio: Trio, images: np.ndarray, folder: Path) -> list[np.ndarray]:
    import mindspore as ms

    ms.export(trio.mindspore.model, ms.Tensor(images), file_name=str(folder / 'mindspore'), file_format='ONNX')
    return _run_onnx(folder / 'mindspore.onnx', images)


def _run_onnx(file: Path, images: np.ndarray) -> list[Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=['CPUExecutionProvider'])
    return session.run(None, {session.get_inputs()[0].name: images})
