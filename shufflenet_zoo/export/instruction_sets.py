"""Runs a file of OpenVINO with its kernels held at one instruction set of the CPU after the other.

Which kernels compute, and whether they are right, depends on it: what is right here may be wrong on another CPU.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from shufflenet_zoo.errors import ExportError

# What oneDNN calls them, and the word by which /proc/cpuinfo shows that a CPU has them.
_INSTRUCTION_SETS = {
    'AVX2': 'avx2',
    'AVX512_CORE': 'avx512bw',
    'AVX512_CORE_VNNI': 'avx512_vnni',
    'AVX512_CORE_AMX': 'amx_int8',
}
# Read once, when a process first computes.
_VARIABLE = 'ONEDNN_MAX_CPU_ISA'
# Runs a file on the images of an archive, and writes the logits.
PROGRAM = """
import sys
import numpy as np
from shufflenet_zoo import deployed
run = deployed.load(sys.argv[1]).run
np.save(sys.argv[3], np.concatenate([run(image) for image in np.load(sys.argv[2]).values()]))
"""


def offered() -> list[str]:
    """Return the instruction sets that this CPU has; none where the system does not say."""
    cpuinfo = Path('/proc/cpuinfo')
    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    return [name for name, flag in _INSTRUCTION_SETS.items() if flag in flags]


def run_in_instruction_sets(path: Path, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Run a file under every instruction set that this CPU has.

    Args:
        path: The file.
        images: Normalised images, each of shape (1, C, H, W).

    Returns:
        The logits, of shape (images, classes), by the name of the set.

    Raises:
        ExportError: if the file cannot be run.
    """
    found = {}
    with TemporaryDirectory() as folder:
        given, logits = Path(folder) / 'images.npz', Path(folder) / 'logits.npy'
        np.savez(given, *images)  # they may differ in size
        for name in offered():
            done = subprocess.run(
                [sys.executable, '-c', PROGRAM, path, given, logits],
                env=os.environ | {_VARIABLE: name},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                last = (done.stderr.strip() or 'no message').splitlines()[-1]
                raise ExportError(f'{path.name} cannot be run under {name}: {last}')
            found[name] = np.load(logits)
    return found
