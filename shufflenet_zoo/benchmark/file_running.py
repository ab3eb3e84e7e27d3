"""Opens exported files in their runtimes; where no framework is needed, none is imported."""

from collections.abc import Callable

import numpy as np

from shufflenet_zoo import deployed
from shufflenet_zoo.benchmark.file_cases import FileCase


def open_file(case: FileCase, path: str) -> Callable[[np.ndarray], object]:
    """Return what runs a file on normalised images, with the case's threads."""
    if case.engine == 'executorch':
        return _open_executorch(path, case.threads)
    return deployed.load(path, case.threads).run


def make_images(case: FileCase) -> np.ndarray:
    """Return normalised images of a case's shape."""
    return np.random.default_rng(0).standard_normal((case.batch, 3, case.size, case.size), dtype=np.float32)


def _open_executorch(path: str, threads: int) -> Callable[[np.ndarray], object]:
    import torch
    from executorch.extension.pybindings import _portable_lib
    from executorch.runtime import Runtime

    # The only way to say how many there are.
    _portable_lib._unsafe_reset_threadpool(threads)
    method = Runtime.get().load_program(path).load_method('forward')
    return lambda images: method.execute([torch.from_numpy(images)])[0]
