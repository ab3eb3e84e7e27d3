"""Keeps MindSpore from a slow path of oneDNN on CPUs with AVX-512."""

import os

from numpy.core._multiarray_umath import __cpu_features__ as cpu_features

VARIABLE = 'ONEDNN_MAX_CPU_ISA'


def hold_at_avx2() -> None:
    """Hold oneDNN at AVX2 where that helps, unless the user has set ONEDNN_MAX_CPU_ISA.

    With AVX-512, MindSpore 2.10's oneDNN takes its reference code for most convolutions: 159 ms instead of 2 for a
    grouped 1x1, 46 instead of 2 for a depthwise one (8 images, 28x28). The variable is read at the first convolution
    of the process, so this must run before; PyTorch's oneDNN reads the same variable.
    """
    if cpu_features.get('AVX512F'):
        os.environ.setdefault(VARIABLE, 'AVX2')
