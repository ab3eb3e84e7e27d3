"""Exported files in the runtimes that need no framework; each is imported when the first of its files is loaded.

All compute in float32 what is not quantized, whatever they would choose on the CPU at hand.
"""

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shufflenet_zoo.deployed.metadata import INPUT_NAME, OUTPUT_NAME, Loaded
from shufflenet_zoo.deployed.quiet import quiet

# The part of OpenVINO's runtime info that is ours.
OPENVINO_SECTION = 'shufflenet_zoo'
_HINT = 'INFERENCE_PRECISION_HINT'
# The file with our metadata in the archive that a .tflite file may end with.
LITERT_METADATA = 'shufflenet_zoo.json'


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

    def run(images: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        outputs = session.run(None, {input_name: images})
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

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

        def run_in_bf16(images: np.ndarray) -> np.ndarray:
            # Compiled only here: who runs the file does not need it.
            return openvino.Core().compile_model(str(path), 'CPU', {_HINT: 'bf16'})(images)[0]

        default = 'bf16', run_in_bf16
    return Loaded(lambda images: compiled(images)[0], texts, default)


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

    net = ncnn.Net()
    for option in ('use_fp16_packed', 'use_fp16_storage', 'use_fp16_arithmetic', 'use_bf16_storage'):
        setattr(net.opt, option, False)
    if threads:
        net.opt.num_threads = threads
    with quiet():  # it tells what it cannot read in lines of its own
        failed = net.load_param(str(path)) or net.load_model(str(path.with_suffix('.bin')))
    if failed:
        raise ValueError(f'ncnn cannot read {path.name}')

    def run(images: np.ndarray) -> np.ndarray:
        (image,) = images
        # The matrix of ncnn borrows the array's memory.
        image = np.ascontiguousarray(image)
        with net.create_extractor() as extractor:
            extractor.input(INPUT_NAME, ncnn.Mat(image))
            failed, logits = extractor.extract(OUTPUT_NAME)
            if failed:
                raise ValueError(f'ncnn cannot run {path.name}')
            return np.array(logits)[None]

    return Loaded(run, json.loads(path.with_suffix('.json').read_text(encoding='utf-8')))


def load_mnn(path: Path, threads: int | None = None) -> Loaded:
    """Load a file into MNN on the CPU; its bizCode holds the metadata."""
    with quiet():  # it tells the CPU's features
        import MNN
        from MNN import expr

    module = MNN.nn.load_module_from_file(
        str(path), [INPUT_NAME], [OUTPUT_NAME], thread_num=threads or os.cpu_count() or 1
    )

    def run(images: np.ndarray) -> np.ndarray:
        variable = expr.placeholder(list(images.shape), expr.NCHW, expr.float)
        variable.write(np.ascontiguousarray(images))
        # What it reads lies in memory that the next run writes to.
        return np.array(module.forward([variable])[0].read())

    return Loaded(run, json.loads(module.get_info()['bizCode'] or '{}'))


def load_litert(path: Path, threads: int | None = None) -> Loaded:
    """Load a file into LiteRT on the CPU; it takes one image at a time."""
    with quiet():  # it tells that it has XNNPACK
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads or os.cpu_count())
        interpreter.allocate_tensors()
    given, found = (
        details[0]['index'] for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given, np.ascontiguousarray(images))
        interpreter.invoke()
        return interpreter.get_tensor(found)

    with zipfile.ZipFile(path) as archive:
        return Loaded(run, json.loads(archive.read(LITERT_METADATA)))


@dataclass(frozen=True)
class Runtime:
    """What runs the files of a suffix.

    Attributes:
        package: Its name for pip.
        load: Loads a file for a number of threads; None leaves that to the runtime, or takes all cores.
    """

    package: str
    load: Callable[[Path, int | None], Loaded]


RUNTIMES = {
    '.onnx': Runtime('onnxruntime', load_onnx),
    '.xml': Runtime('openvino', load_openvino),
    '.ncnn.param': Runtime('ncnn', load_ncnn),
    '.mnn': Runtime('MNN', load_mnn),
    '.tflite': Runtime('ai-edge-litert', load_litert),
}
