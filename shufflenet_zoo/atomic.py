"""Writing files such that a file of that name is the whole new one or the old one, whenever the writer is killed."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What the names of drafts begin with.
DRAFT_PREFIX = '.unfinished-'


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Replace a file at once when the block ends, or leave it as it was when the block fails.

    Args:
        path: The file; its folder is made.

    Yields:
        An empty file to write to: hidden, in the same folder, its name ending with that of the file. It gets the
        permissions of a new file, whatever the writer makes of them, and is removed when anything fails.

    Raises:
        OSError: if there is a folder or a device of that name, or the file cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, 'it is a folder' if path.is_dir() else 'it is no regular file', str(path))
    draft = _draft(path)
    draft.touch(exist_ok=False)
    try:
        permissions = draft.stat().st_mode
        yield draft
        draft.chmod(permissions)
        os.replace(draft, path)
    except BaseException:
        # A failure to clean up must not hide the first one.
        with suppress(OSError):
            draft.unlink()
        raise


@contextmanager
def draft_folder(path: str | Path) -> Iterator[Path]:
    """Make a hidden folder beside a path, for what is to be moved there once it is complete.

    Args:
        path: The final file or folder; the folder that it lies in is made.

    Yields:
        The new folder; what is in it when the block ends is removed.

    Raises:
        OSError: if it cannot be made.
    """
    draft = _draft(Path(path))
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    """Return a new name beside a path, of its own for every writer: two of them do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f'{DRAFT_PREFIX}{secrets.token_hex(4)}-{path.name}')
