"""The work directory of a run: its default name, its last checkpoint, and that a failed start leaves nothing behind."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import ConfigError, DataError, ShuffleNetZooError, TrainingError
from shufflenet_zoo.jobs.config import one_line

# The file that names the last checkpoint, as mmengine calls it.
NOTE = 'last_checkpoint'


def choose_work_dir(config: Config, requested: str | None) -> str:
    """Return the work directory: the requested one, else the config's, else ./work_dirs/<name of the config>."""
    return requested or config.get('work_dir') or str(Path('work_dirs') / Path(config.filename).stem)


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """Return the checkpoint that training saved last into a work directory, or None.

    The directory may have been moved or copied since: a file of that name inside it comes first.
    """
    note = Path(work_dir) / NOTE
    if not note.is_file():
        return None
    recorded = Path(note.read_text().strip())
    beside = Path(work_dir) / recorded.name
    return beside if beside.is_file() else recorded


def note_last(work_dir: str | Path, checkpoint: str | Path) -> None:
    """Note which checkpoint a training saved last, by the path that mmengine would note."""
    with replacing(Path(work_dir) / NOTE) as note:
        note.write_text(str(checkpoint))


def report_checkpoint(config: Config, work_dir: str | Path, options: str = '') -> None:
    """Print where the checkpoint of a finished training is, and how to test it.

    Args:
        config: The config.
        work_dir: The work directory.
        options: Further options that the test needs.
    """
    checkpoint = latest_checkpoint(work_dir)
    if checkpoint is None:
        print(f'done; the config saves no checkpoint, the log is in {work_dir}')
        return
    if checkpoint.is_relative_to(Path.cwd()):
        checkpoint = checkpoint.relative_to(Path.cwd())
    command = f'python tools/test.py {config.filename} {checkpoint} {options}'.rstrip()
    print(f'done: the checkpoint is {checkpoint}; test it with: {command}')


def diverged(what: str, iteration: int, lr: float, work_dir: str | Path) -> TrainingError:
    """Return the error of a training whose numbers are no longer finite.

    Args:
        what: What is wrong, such as 'the loss is nan'.
        iteration: The iteration after which it was seen, from 1.
        lr: The learning rate of that iteration.
        work_dir: The work directory, whose last checkpoint was saved before.
    """
    good = latest_checkpoint(work_dir)
    return TrainingError(
        f'{what} at iteration {iteration}, with learning rate {lr:g}: the training has diverged; lower the learning '
        f'rate, or look for broken data; '
        + (f'the last good checkpoint is {good}' if good else 'no checkpoint had been saved before')
    )


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
        # Of several processes, another may have been here already.
        left = set(root.iterdir()) - present if root.is_dir() else set()
        _remove([created] if created else left)
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
