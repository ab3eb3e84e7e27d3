"""Keeping what compiled code prints out of the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Discard what is written to this process's standard output and error, by compiled code too."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        # Where somebody else has put Python's streams, they do not end in these descriptors.
        with open(os.devnull, 'w') as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, former in zip((1, 2), kept, strict=True):
            os.dup2(former, descriptor)
            os.close(former)
        os.close(nowhere)
