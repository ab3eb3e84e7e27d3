"""Exported files in the runtimes that need no framework; each is imported when the first of its files is loaded.

All compute in float32 what is not quantized, whatever they would choose on the CPU at hand.
"""

import json
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from shufflenet_zoo.deployed.metadata import INPUT_NAME, Loaded, output_names
from shufflenet_zoo.deployed.quiet import quiet

# The part of OpenVINO's runtime info that is ours.
OPENVINO_SECTION = 'shufflenet_zoo'
_HINT = 'INFERENCE_PRECISION_HINT'
# The file with our metadata in the archive that a .tflite file may end with.
LITERT_METADATA = 'shufflenet_zoo.json'
# The logits, or what a detector computes.
Outputs = np.ndarray | tuple[np.ndarray, ...]
# What metadata has at most, whatever a file claims: the names of a hundred thousand classes.
_MAX_METADATA = 2**22


def _read_texts(stream: IO[bytes]) -> dict[str, str]:
    """Read metadata in JSON."""
    data = stream.read(_MAX_METADATA + 1)
    if len(data) > _MAX_METADATA:
        raise ValueError(f'its metadata has more than {_MAX_METADATA} bytes')
    return json.loads(data)


def load_onnx(path: Path, threads: int | None = None) -> Loaded:
    """Load a file into ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Threads that go on spinning after a run would slow down everything else in this process.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    input_name = session.get_inputs()[0].name

    def run(images: np.ndarray) -> Outputs:
        return _one_or_all(session.run(None, {input_name: images}))

    return Loaded(run, session.get_modelmeta().custom_metadata_map)


def load_openvino(path: Path, threads: int | None = None) -> Loaded:
    """Load an .xml file and its .bin into OpenVINO on the CPU."""
    import openvino

    core = openvino.Core()
    if threads:
        core.set_property('CPU', {'INFERENCE_NUM_THREADS': threads})
    model = core.read_model(str(path))
    texts = openvino_texts(model)
    # Held at a lower instruction set, OpenVINO fails to compile for bfloat16, which it would still choose.
    held = 'ONEDNN_MAX_CPU_ISA' in os.environ
    asked = None if held else json.loads(texts.get('precision_hint', 'null'))
    compiled = core.compile_model(model, 'CPU', {_HINT: asked or 'f32'})
    default = None
    if not asked and not held and core.get_property('CPU', _HINT) == openvino.Type.bf16:

        @cache  # compiled only here: who runs the file does not need it
        def in_bf16() -> openvino.CompiledModel:
            return openvino.Core().compile_model(str(path), 'CPU', {_HINT: 'bf16'})

        def run_in_bf16(images: np.ndarray) -> Outputs:
            return _one_or_all(in_bf16()(images).values())

        default = 'bf16', run_in_bf16
    return Loaded(lambda images: _one_or_all(compiled(images).values()), texts, default)


def openvino_texts(model) -> dict[str, str]:
    """Return the metadata of a model of OpenVINO."""
    if not model.has_rt_info([OPENVINO_SECTION]):
        return {}
    return {
        key: model.get_rt_info([OPENVINO_SECTION, key]).astype(str)
        for key in model.get_rt_info([OPENVINO_SECTION]).value
    }


def load_ncnn(path: Path, threads: int | None = None) -> Loaded:
    """Load a .param file, its .bin and its .json into ncnn; it takes one image at a time."""
    import ncnn

    _check_ncnn(path)
    net = ncnn.Net()
    for option in ('use_fp16_packed', 'use_fp16_storage', 'use_fp16_arithmetic', 'use_bf16_storage'):
        setattr(net.opt, option, False)
    if threads:
        net.opt.num_threads = threads
    with quiet():  # it tells what it cannot read in lines of its own
        failed = net.load_param(str(path)) or net.load_model(str(path.with_suffix('.bin')))
    if failed:
        raise ValueError(f'ncnn cannot read {path.name}')

    with path.with_suffix('.json').open('rb') as stream:
        texts = _read_texts(stream)

    def run(images: np.ndarray) -> Outputs:
        (image,) = images
        # The matrix of ncnn borrows the array's memory.
        image = np.ascontiguousarray(image)
        with net.create_extractor() as extractor:
            extractor.input(INPUT_NAME, ncnn.Mat(image))
            outputs = [extractor.extract(name) for name in output_names(texts)]
            if any(failed for failed, _ in outputs):
                raise ValueError(f'ncnn cannot run {path.name}')
            return _one_or_all(np.array(output)[None] for _, output in outputs)

    return Loaded(run, texts)


def _check_ncnn(path: Path) -> None:
    """Check the numbers that a .param file begins with: ncnn allocates as many layers and blobs unasked."""
    words = path.read_bytes().split()
    if len(words) < 3 or not all(word.isdigit() and int(word) < len(words) for word in words[1:3]):
        raise ValueError(f'{path.name} is damaged: it has not as many layers and blobs as it says')


def load_mnn(path: Path, threads: int | None = None) -> Loaded:
    """Load a file into MNN on the CPU; its bizCode holds the metadata."""
    with quiet():  # it tells the CPU's features
        import MNN
        from MNN import expr

    # Without a runtime of its own, a module takes four threads whatever it is told.
    runtime = MNN.nn.create_runtime_manager(({'backend': 'CPU', 'numThread': threads or os.cpu_count() or 1},))
    # The names of the outputs must be given, and follow from what only a loaded file tells.
    try:
        described = MNN.nn.load_module_from_file(str(path), [], [], runtime_manager=runtime)
    except SystemError as error:  # which says nothing
        raise ValueError(f'MNN cannot read {path.name}') from error
    texts = json.loads(described.get_info()['bizCode'] or '{}')
    module = MNN.nn.load_module_from_file(str(path), [INPUT_NAME], list(output_names(texts)), runtime_manager=runtime)

    def run(images: np.ndarray) -> Outputs:
        variable = expr.placeholder(list(images.shape), expr.NCHW, expr.float)
        variable.write(np.ascontiguousarray(images))
        outputs = module.forward([variable])
        if not outputs:
            raise ValueError(f'MNN cannot run {path.name}')
        # What it reads lies in memory that the next run writes to.
        return _one_or_all(np.array(output.read()) for output in outputs)

    return Loaded(run, texts)


def load_litert(path: Path, threads: int | None = None) -> Loaded:
    """Load a file into LiteRT on the CPU; it takes one image at a time."""
    with quiet():  # it tells that it has XNNPACK
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads or os.cpu_count())
        interpreter.allocate_tensors()
    (given,) = (details['index'] for details in interpreter.get_input_details())
    found = [details['index'] for details in interpreter.get_output_details()]

    def run(images: np.ndarray) -> Outputs:
        interpreter.set_tensor(given, np.ascontiguousarray(images))
        interpreter.invoke()
        return _one_or_all(map(interpreter.get_tensor, found))

    with zipfile.ZipFile(path) as archive, archive.open(LITERT_METADATA) as stream:
        return Loaded(run, _read_texts(stream))


def _one_or_all(outputs: Iterable[np.ndarray]) -> Outputs:
    first, *others = outputs
    return (first, *others) if others else first


@dataclass(frozen=True)
class Runtime:
    """What runs the files of a suffix.

    Attributes:
        package: Its name for pip.
        load: Loads a file for a number of threads; None leaves that to the runtime, or takes all cores.
        crashes: Whether damaged files were seen to end its process. Default: False.
    """

    package: str
    load: Callable[[Path, int | None], Loaded]
    crashes: bool = False


RUNTIMES = {
    '.onnx': Runtime('onnxruntime', load_onnx),
    '.xml': Runtime('openvino', load_openvino),
    '.ncnn.param': Runtime('ncnn', load_ncnn),
    '.mnn': Runtime('MNN', load_mnn, crashes=True),
    '.tflite': Runtime('ai-edge-litert', load_litert),
}


def runtime_of(path: Path) -> Runtime | None:
    """Return what runs a file by its suffix; None where that needs a framework."""
    return next((runtime for suffix, runtime in RUNTIMES.items() if path.name.endswith(suffix)), None)
