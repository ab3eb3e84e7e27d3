"""Engines that are programs of their own."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from shufflenet_zoo.errors import ExportError


def run_converter(name: str, command: Sequence[str | Path], written: Path) -> None:
    """Run an engine's program without what it prints.

    Args:
        name: Its name, for the error.
        command: The program and its arguments.
        written: The file that it must leave.

    Raises:
        ExportError: if it fails, or leaves no file.
    """
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or not written.is_file():
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ['without a word']
        raise ExportError(f'{name} failed (exit status {done.returncode}): {lines[-1][:300]}')
