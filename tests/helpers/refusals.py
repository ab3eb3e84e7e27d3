"""What every refusal has in common: one line, status 2, and nothing left behind."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shufflenet_zoo.deployed.seals import parts_of
from shufflenet_zoo.errors import DataError


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


def assert_damage_is_refused(load: Callable[[], object], path: Path) -> None:
    """Assert that an exported file is loaded, and is not where a byte of it or of what belongs to it is another."""
    load()
    for part in parts_of(path):
        whole = part.read_bytes()
        for place in (0, len(whole) // 3, len(whole) - 1):
            part.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(DataError) as caught:
                load()
            assert_one_line(str(caught.value), str(path))
            if place == len(whole) // 3:  # at the ends lies what formats are known by, which says itself what is wrong
                assert 'is not what was exported' in str(caught.value)
        part.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError):
            load()
        part.write_bytes(whole)
    load()


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
