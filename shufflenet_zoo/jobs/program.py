"""How the user calls the commands: as tools of a checkout, or by the command that is installed."""

import shutil
import sys
from pathlib import Path

PROGRAM = 'shufflenet-zoo'


def program() -> str:
    """Return how this process was started, where that was as the installed command or as ``python -m``."""
    started = Path(sys.argv[0])
    if started.name == '__main__.py':
        return f'python -m {started.parent.name}'
    found = shutil.which(PROGRAM)
    return PROGRAM if found and Path(found).resolve() == started.resolve() else str(shown(started))


def command(name: str) -> str:
    """Return how the user calls another command, after the way in which this one was called."""
    started = sys.argv[0]
    if (tool := Path(started).with_name(f'{name}.py')).is_file() and Path(started).suffix == '.py':
        return f'python {shown(tool)}'
    return f'{started.rpartition(" ")[0] or PROGRAM} {name}'


def shown(path: str | Path) -> Path:
    """Return a path from where the user stands, if it lies below."""
    absolute = Path(path).absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else Path(path)
