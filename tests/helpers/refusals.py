"""What every refusal has in common: one line, status 2, and nothing left behind."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def assert_one_line(message: str, *words: str) -> None:
    """Assert that a message is one line that has the words."""
    lines = message.splitlines()
    assert len(lines) == 1, message
    for word in words:
        assert word in lines[0], message


def assert_refused(status: int, errors: str, *words: str) -> None:
    """Assert that a tool ended with status 2 and one line of error that has the words."""
    assert status == 2, errors
    assert_one_line(errors, *words)
    assert errors.startswith('error: ')


def peak_memory() -> int:
    """Return the largest number of bytes that this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Assert that the folder has the same files afterwards."""
    before = _files(folder)
    yield
    assert _files(folder) == before


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if '__pycache__' not in path.parts}
