"""A training does not take the same memory from the system again and again."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from shufflenet_zoo.jobs.memory import keep_freed_memory

kept = keep_freed_memory() if 'keep' in sys.argv else False
def fault():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        np.ones(2**26, 'uint8')
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fault()
print(kept, fault())
"""
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs glibc')
# numpy asks for large pages, of which one fault is enough; tensors get small ones.
SMALL_PAGES = {'NUMPY_MADVISE_HUGEPAGE': '0'}


def run(*arguments, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('MALLOC_', 'GLIBC_TUNABLES'))}
    output = subprocess.run(
        [sys.executable, '-c', PROGRAM, *arguments],
        env={**clean, **SMALL_PAGES, **env},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kept, faults = output.split()
    return kept == 'True', int(faults)


def test_freed_memory_is_kept():
    assert run()[1] > 10_000
    kept, faults = run('keep')
    assert kept
    assert faults < 1_000


@pytest.mark.parametrize(
    ('name', 'value'), [('MALLOC_MMAP_MAX_', '65536'), ('GLIBC_TUNABLES', 'glibc.malloc.mmap_max=65536')]
)
def test_what_the_user_has_set_stays(name, value):
    kept, faults = run('keep', **{name: value})
    assert not kept
    assert faults > 10_000
