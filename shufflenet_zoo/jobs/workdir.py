"""The work directory of a run: its name, its last checkpoint, its owner, and that a failed start leaves nothing."""

import errno
import fcntl
import logging
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NoReturn

from mmengine.config import Config

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.atomic import DRAFT_PREFIX, replacing
from shufflenet_zoo.errors import ArgumentError, ConfigError, DataError, ShuffleNetZooError, TrainingError, WorkDirError
from shufflenet_zoo.jobs import program
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.jobs.tables import align
from shufflenet_zoo.jobs.typos import blame

# The file that names the last checkpoint, as mmengine calls it.
NOTE = 'last_checkpoint'
# The file whose lock says that a run is there, and whose text says which.
_LOCK = '.lock'
# What a disk does by itself, and what it does to a path.
_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_REFUSALS = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR)


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


def introduce(config: Config, parameters: int, images: Mapping[str, int], device: str, work_dir: str | Path) -> str:
    """Return what a log begins with: what is trained or tested, on what, and where.

    Args:
        config: The config.
        parameters: Parameters of the model.
        images: How many there are to train on, to validate or to test, by name.
        device: The device, in words.
        work_dir: The work directory.
    """
    backbone, head = config.model.get('backbone') or {}, config.model.get('head') or {}
    try:
        network = str(Architecture.of(backbone))
    except ArgumentError:  # another project's
        network = str(backbone.get('type'))
    classes = f', {head["num_classes"]} classes' if isinstance(head, Mapping) and 'num_classes' in head else ''
    rows = [
        ('network', f'{config.model.get("type")} with {network}{classes}'),
        ('parameters', f'{parameters:,}'),
        ('images', ', '.join(f'{count:,} {name}' for name, count in images.items())),
        ('device', device),
        ('work dir', str(program.shown(work_dir))),
    ]
    return f'{Path(config.filename).name}\n{align(rows)}'


def report_checkpoint(config: Config, work_dir: str | Path) -> None:
    """Print where the checkpoint of a finished training is, and a command that tests it.

    Args:
        config: The config.
        work_dir: The work directory, which has the config as it was run.
    """
    checkpoint = latest_checkpoint(work_dir)
    if checkpoint is None:
        print(f'done; the config saves no checkpoint, the log is in {work_dir}')
        return
    checkpoint = program.shown(checkpoint)
    written = Path(work_dir, Path(config.filename).name)
    command = f'{program.command("test")} {program.shown(written)} {checkpoint}'
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
def attempted_start(config: Config, work_dir: str, owns: bool = False) -> Iterator[Attempt]:
    """Remove what a failed start created, and turn errors into one line for the user.

    Args:
        config: The config that is being started.
        work_dir: The work directory.
        owns: Whether no other run may have the directory meanwhile. Default: False, as for a test of its checkpoints.

    Yields:
        The attempt; set its ``succeeded`` as soon as the run has begun.

    Raises:
        WorkDirError: if another run has the directory, it cannot be written, or it was removed during the run.
        DataError: if a file or folder was missing at the start.
        ConfigError: if the config could not be built.
    """
    root = Path(work_dir).absolute()
    present = set(root.iterdir()) if root.is_dir() else set()
    # The outermost folder that a failed start would have created.
    created = next((folder for folder in reversed([root, *root.parents]) if not folder.exists()), None)
    attempt = Attempt()
    with _owning(root) if owns else nullcontext():
        try:
            yield attempt
        except BaseException as error:
            # Another run may have been here already: what is new in its directory is its own.
            if not attempt.succeeded and (owns or owner_of(root) is None):
                left = set(root.iterdir()) - present if root.is_dir() else set()
                _remove([created] if created else left)
            if isinstance(error, ShuffleNetZooError) or not isinstance(error, Exception):
                raise
            if fault := _fault_of_disk(error, root, attempt.succeeded):
                raise WorkDirError(fault) from error
            if attempt.succeeded:
                raise
            if isinstance(error, FileNotFoundError):
                raise DataError(f'{config.filename}: {one_line(error)}') from error
            raise ConfigError(
                f'{config.filename} cannot be built: {type(error).__name__}: {one_line(error)}{blame(config, error)}'
            ) from error


def owner_of(work_dir: Path) -> str | None:
    """Return which other process runs in a work directory, None if none does."""
    try:
        with (work_dir / _LOCK).open('r+') as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return lock.read().strip() or 'another process'
    except OSError:
        pass  # no run has been there, or none can be
    return None


@contextmanager
def _owning(root: Path) -> Iterator[None]:
    """Keep other runs out of a work directory, which begins without the drafts of a run that was killed."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open('a+')
    except OSError as error:
        raise WorkDirError(f'work directory {root} cannot be written: {error.strerror}') from error
    with lock:
        try:
            # Not flock: data workers, which may outlive a killed process by seconds, would inherit it.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().strip() or 'another process'
            raise WorkDirError(
                f'work directory {root} is in use: {owner} trains there; wait for its end, or choose another --work-dir'
            ) from error
        lock.truncate(0)
        lock.write(f'process {os.getpid()} on {socket.gethostname()}')
        lock.flush()
        _remove(path for path in root.glob(f'{DRAFT_PREFIX}*') if path.is_file())
        yield


def _fault_of_disk(error: BaseException, root: Path, has_begun: bool) -> str | None:
    """Return what the disk did to a run, None where the error is of another kind."""
    cause: BaseException | None = error
    while cause and not (isinstance(cause, OSError) and cause.errno):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    if has_begun and not root.is_dir():
        return f'work directory {root} was removed during the run'
    path = Path(os.fsdecode(cause.filename)) if isinstance(cause.filename, (str, bytes)) else root
    if cause.errno in _DISK_FAULTS or (cause.errno in _REFUSALS and path.absolute().is_relative_to(root)):
        return f'{path} cannot be written: {cause.strerror}'
    return None


def raise_errors(handler: logging.Handler) -> None:
    """Let a log that cannot be written end the run; logging would print a traceback per line and go on."""
    handler.handleError = _reraise


def _reraise(record: logging.LogRecord) -> NoReturn:
    raise


def _remove(paths: Iterable[Path]) -> None:
    """Remove files and folders as far as that is possible: a failure to clean up must not hide what came before."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
