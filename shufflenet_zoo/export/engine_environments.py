"""Environments of engines whose packages do not go with those of this one: layers over it, which make builds."""

import sys
from pathlib import Path

from shufflenet_zoo.errors import DependencyError


def engine_python(engine: str) -> Path:
    """Return the Python of an engine's environment, which lies beside this one under its name and the engine's.

    Raises:
        DependencyError: if it is not there.
    """
    python = Path(f'{sys.prefix}-{engine}') / 'bin' / 'python'
    if not python.exists():
        raise DependencyError(
            f'--format {engine} needs the environment {python.parents[1]}, which is not there; '
            f'make {engine}-env builds it'
        )
    return python


def engine_command(engine: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that calls the program ``engine_<name>.py`` of this folder in the engine's environment."""
    # -P: the modules of this folder are not the program's.
    return [engine_python(engine), '-P', Path(__file__).with_name(f'engine_{engine}.py'), *arguments]
