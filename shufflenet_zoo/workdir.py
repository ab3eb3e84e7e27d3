"""The work directory of a run: its default name, and that a start that fails leaves nothing behind."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from shufflenet_zoo.config import one_line
from shufflenet_zoo.errors import ConfigError, DataError, ShuffleNetZooError


def choose_work_dir(config: Config, requested: str | None) -> str:
    """Return the work directory: the requested one, else the config's, else ./work_dirs/<name of the config>."""
    return requested or config.get('work_dir') or str(Path('work_dirs') / Path(config.filename).stem)


class Attempt:
    """A start that may still fail.

    Attributes:
        succeeded: Whether the run has begun, so that its files are worth keeping.
    """

    def __init__(self) -> None:
        self.succeeded = False


@contextmanager
def attempted_start(config: Config, work_dir: str) -> Iterator[Attempt]:
    """Remove what a failed start created, and turn its error into one line for the user.

    Args:
        config: The config that is being started.
        work_dir: The work directory.

    Yields:
        The attempt; set its ``succeeded`` as soon as the run has begun.

    Raises:
        DataError: if a file or folder was missing at the start.
        ConfigError: if the config could not be built.
    """
    root = Path(work_dir).absolute()
    present = set(root.iterdir()) if root.is_dir() else set()
    # The outermost folder that a failed start would have created.
    created = next((folder for folder in reversed([root, *root.parents]) if not folder.exists()), None)
    attempt = Attempt()
    try:
        yield attempt
    except BaseException as error:
        if attempt.succeeded:
            raise
        _remove([created] if created else set(root.iterdir()) - present)
        if isinstance(error, ShuffleNetZooError) or not isinstance(error, Exception):
            raise
        if isinstance(error, FileNotFoundError):
            raise DataError(f'{config.filename}: {one_line(error)}') from error
        raise ConfigError(f'{config.filename} cannot be built: {type(error).__name__}: {one_line(error)}') from error


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
