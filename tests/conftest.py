"""Settings that must be in force before any test imports a framework."""

import os
import sys
from collections.abc import Iterator

import pytest

# mindspore's own oneDNN falls to a reference convolution on AVX-512, ten times slower; it reads this once.
os.environ.setdefault('ONEDNN_MAX_CPU_ISA', 'AVX2')
# The tests' networks are too small for more threads, and pytest's processes share the cores.
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture(autouse=True)
def _no_scope_left_behind() -> Iterator[None]:
    """Forget the default scope that a test's runner set, mmdet's or mmpretrain's: the next test has another."""
    yield
    if 'mmengine.registry' in sys.modules:
        from mmengine.registry import DefaultScope

        DefaultScope._instance_dict.clear()
