"""A program for LiteRT's environment, which lacks this package: turns .pt2 files into .tflite files, and quantizes."""

import sys

import numpy as np


def convert(source: str, target: str) -> None:
    """Convert an exported program, whose input is one image batch of one size."""
    import litert_torch
    import torch

    program = torch.export.load(source)
    example = tuple(torch.zeros_like(value) for value in program.example_inputs[0])
    litert_torch.convert(program.module(), example).export(target)


def quantize(source: str, images: str, target: str) -> None:
    """Quantize a .tflite file statically, weights by channel; inputs and outputs stay in float.

    Args:
        source: The file.
        images: A .npy file with the calibration images, each a batch of one.
        target: The quantized file.
    """
    from ai_edge_quantizer import quantizer, recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.utils import tfl_interpreter_utils

    (signature,) = tfl_interpreter_utils.create_tfl_interpreter(source).get_signature_list().items()
    name, (argument,) = signature[0], signature[1]['inputs']
    statically = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        statically.update_quantization_recipe('.*', end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    found = statically.calibrate({name: [{argument: image} for image in np.load(images)]}, num_threads=1)
    statically.quantize(found).export_model(target, overwrite=True)


if __name__ == '__main__':
    {'convert': convert, 'quantize': quantize}[sys.argv[1]](*sys.argv[2:])
