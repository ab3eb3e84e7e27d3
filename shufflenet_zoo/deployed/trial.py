"""A first run of a file in a process of its own, for engines that crash on damaged files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shufflenet_zoo.errors import DataError

_PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from shufflenet_zoo.deployed.metadata import read_metadata
from shufflenet_zoo.deployed.runtimes import runtime_of
path = Path(sys.argv[1])
loaded = runtime_of(path).load(path, 1)
said = read_metadata(loaded.texts)
loaded.run(np.zeros((1, len(said.mean), *said.input_size), np.float32))
"""


def survive(path: Path) -> None:
    """Load a file and run it on an empty image, in another process.

    What else is wrong with it, whoever loads it here is told.

    Raises:
        DataError: if the process is ended by a signal.
    """
    done = subprocess.run(
        [sys.executable, '-c', _PROGRAM, path],
        env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if done.returncode < 0:
        raise DataError(
            f'{path} cannot be loaded: its engine crashes on it ({signal.Signals(-done.returncode).name}), '
            f'so it is damaged; export it again'
        )
