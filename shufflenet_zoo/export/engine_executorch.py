"""A program for ExecuTorch's environment, which lacks this package: writes .pte files, and runs them."""

import os
import sys
import sysconfig
from pathlib import Path

import numpy as np
import torch


def convert(source: str, texts: str, target: str) -> None:
    """Convert an exported program for XNNPACK; the method ``metadata`` of the new one returns the texts.

    Args:
        source: The .pt2 file.
        texts: JSON.
        target: The .pte file.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    # Where the flatbuffer compiler lies, which it calls.
    os.environ['PATH'] = os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', '')])
    program = torch.export.load(source)
    lowered = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods={'metadata': texts}
    )
    Path(target).write_bytes(lowered.to_executorch().buffer)


def describe(path: str, texts: str) -> None:
    """Write what a program says about itself into a JSON file."""
    (found,) = _load(path).load_method('metadata').execute([])
    Path(texts).write_text(found)


def run(path: str, images: str, logits: str) -> None:
    """Run a program on a .npy file and write another."""
    (found,) = _load(path).load_method('forward').execute([torch.from_numpy(np.load(images))])
    np.save(logits, found.numpy())


def _load(path: str):
    from executorch.runtime import Runtime

    return Runtime.get().load_program(path)


if __name__ == '__main__':
    {'convert': convert, 'describe': describe, 'run': run}[sys.argv[1]](*sys.argv[2:])
