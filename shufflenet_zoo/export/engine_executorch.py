"""A program for ExecuTorch's environment, which lacks this package: writes .pte files, and runs them."""

import json
import math
import os
import sys
import sysconfig
from pathlib import Path

import numpy as np
import torch


def convert(source: str, texts: str, target: str, images: str | None = None) -> None:
    """Convert an exported program for XNNPACK; the method ``metadata`` of the new one returns the texts.

    Args:
        source: The .pt2 file.
        texts: JSON.
        target: The .pte file.
        images: A .npy file with calibration images, each a batch of one, to quantize by. Default: None, in float.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    # Where the flatbuffer compiler lies, which it calls.
    os.environ['PATH'] = os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', '')])
    program = torch.export.load(source)
    if images is not None:
        program = _quantized(program, np.load(images))
    lowered = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods={'metadata': texts}
    )
    Path(target).write_bytes(lowered.to_executorch().buffer)


def _quantized(program: torch.export.ExportedProgram, images: np.ndarray) -> torch.export.ExportedProgram:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

    class Quantizer(XNNPACKQuantizer):
        """Gives a slice the scale of what it is cut from: XNNPACK takes no other, and the base forgets slices."""

        def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
            model = super().annotate(model)
            for node in model.graph.nodes:
                whole = node.args[0] if node.target == torch.ops.aten.slice.Tensor else None
                if whole is not None and whole.meta.get(Q_ANNOTATION_KEY):
                    shared = SharedQuantizationSpec(whole)
                    node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation({whole: shared}, shared, _annotated=True)
            return model

    quantizer = Quantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    # A dilated pool is a convolution by a computed weight, which every run would quantize, by a kernel not there.
    quantizer.set_filter_function(lambda node: not _has_computed_weight(node))
    prepared = prepare_pt2e(program.module(), quantizer)
    with torch.no_grad():
        for image in images:
            prepared(torch.from_numpy(image))
        return torch.export.export(convert_pt2e(prepared), program.example_inputs[0])


def _has_computed_weight(node: torch.fx.Node) -> bool:
    """Whether a node is a convolution whose weight is no parameter."""
    return node.target == torch.ops.aten.conv2d.default and node.args[1].op != 'get_attr'


def serve(path: str) -> None:
    """Run a program on what comes by standard input: lines with the shape of images in JSON, then those in float32.

    The answers, on standard output, are alike; before them comes a line with what the program says about itself.
    """
    from executorch.runtime import Runtime

    # What the runtime prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    program = Runtime.get().load_program(path)
    (texts,) = program.load_method('metadata').execute([])
    answers.write(texts.encode() + b'\n')
    answers.flush()
    method = program.load_method('forward')
    for line in sys.stdin.buffer:
        shape = json.loads(line)
        images = np.frombuffer(bytearray(sys.stdin.buffer.read(4 * math.prod(shape))), np.float32).reshape(shape)
        (logits,) = method.execute([torch.from_numpy(images)])
        answers.write(json.dumps(list(logits.shape)).encode() + b'\n' + logits.numpy().tobytes())
        answers.flush()


if __name__ == '__main__':
    {'convert': convert, 'serve': serve}[sys.argv[1]](*sys.argv[2:])
