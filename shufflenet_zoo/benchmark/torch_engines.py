"""PyTorch's own engines and those that run what PyTorch exports: each turns a case into a function to be timed."""

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from shufflenet_zoo.benchmark.cases import IMAGE_SIZE, NUM_CLASSES, PROCESSES, Case
from shufflenet_zoo.benchmark.networks import OURS, TORCH

Run = Callable[[], object]


def prepare(case: Case, threads: int) -> Run:
    """Build a case's network in its engine.

    Args:
        case: The case.
        threads: Threads that the engine may use.

    Returns:
        One inference or training step on one and the same batch.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    warnings.simplefilter('ignore')
    model = randomise(TORCH[case.network](**({'with_cp': True} if case.form == 'checkpointed' else {})))
    images = torch.randn(case.batch, 3, IMAGE_SIZE, IMAGE_SIZE)
    if case.engine in PROCESSES['training']:
        return _training(model, images, case)
    model = model.eval().requires_grad_(False)
    if case.form == 'deploy':
        from shufflenet_zoo.backbones import to_deploy

        model = to_deploy(model)
    return _ENGINES[case.engine.removeprefix('guidelines-')](model, images, threads)


def randomise(model: nn.Module) -> nn.Module:
    """Initialise so that activations neither vanish nor grow: denormal numbers would be slow."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return model


def _without_grad(model: Callable, images: torch.Tensor) -> Run:
    def run() -> object:
        with torch.inference_mode():
            return model(images)

    return run


def _eager(model: nn.Module, images: torch.Tensor, threads: int) -> Run:
    return _without_grad(model, images)


def _traced(model: nn.Module, images: torch.Tensor, threads: int) -> Run:
    with torch.no_grad():
        # optimize_for_inference makes it slower: its oneDNN nodes leave the layout of the deploy form.
        traced = torch.jit.freeze(torch.jit.trace(model, images))
    return _without_grad(traced, images)


def _compiled(model: nn.Module, images: torch.Tensor, threads: int) -> Run:
    import torch._inductor.config as inductor

    inductor.freezing = True
    torch._dynamo.config.cache_size_limit = 64
    compiled = torch.compile(model, dynamic=False)

    def run() -> object:
        with torch.no_grad():
            return compiled(images)

    return run


def _exported(model: nn.Module, images: torch.Tensor, engine: str, int8: bool) -> Path:
    """Export a model as its users would, and quantize it."""
    from shufflenet_zoo.deployed.metadata import Metadata
    from shufflenet_zoo.export.contract import Shape, Source
    from shufflenet_zoo.export.exporter import load_format

    target = load_format(engine)
    folder = Path(tempfile.mkdtemp())
    size = images.shape[2:]
    source = Source(model, None, 3, 32, Metadata((0,), (1,), 'rgb', tuple(size), ()), 'torch')
    path = folder / f'model{target.suffix}'
    with contextlib.redirect_stdout(io.StringIO()):
        target.write(source, Shape(3, tuple(size), len(images) > 1), 'fp32', path)
        if int8:
            batches = [np.random.default_rng(i).standard_normal((1, 3, *size), dtype=np.float32) for i in range(16)]
            path, whole = folder / f'int8{target.suffix}', path
            target.quantize(whole, path, batches)
    return path


def _onnxruntime(model: nn.Module, images: torch.Tensor, threads: int, int8: bool = False) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # The threads of a session that waits would otherwise take the cores from the one that is measured.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    session = onnxruntime.InferenceSession(
        str(_exported(model, images, 'onnx', int8)), options, providers=['CPUExecutionProvider']
    )
    feed = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, feed)


def _openvino(model: nn.Module, images: torch.Tensor, threads: int, int8: bool = False) -> Run:
    import openvino

    core = openvino.Core()
    loaded = core.read_model(str(_exported(model, images, 'openvino', int8)))
    loaded.reshape(list(images.shape))
    compiled = core.compile_model(
        loaded,
        'CPU',
        {'INFERENCE_PRECISION_HINT': 'f32', 'INFERENCE_NUM_THREADS': threads, 'PERFORMANCE_HINT': 'LATENCY'},
    )
    request = compiled.create_infer_request()
    array = images.numpy()
    return lambda: request.infer([array])


def _training(model: nn.Module, images: torch.Tensor, case: Case) -> Run:
    """Make a step of SGD with momentum on the cross-entropy."""
    model.train()
    if case.engine == 'training-compiled':
        if case.network in OURS:  # as tools/train.py --compile does
            model.backbone.train_memory_format = torch.contiguous_format
        model.compile(dynamic=False)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9, weight_decay=4e-5)
    labels = torch.arange(len(images)) % NUM_CLASSES

    def run() -> object:
        optimizer.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=case.engine == 'training-bfloat16'):
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return run


_ENGINES = {
    'eager': _eager,
    'traced': _traced,
    'compiled': _compiled,
    'onnxruntime': _onnxruntime,
    'onnxruntime-int8': lambda *arguments: _onnxruntime(*arguments, int8=True),
    'openvino': _openvino,
    'openvino-int8': lambda *arguments: _openvino(*arguments, int8=True),
}
