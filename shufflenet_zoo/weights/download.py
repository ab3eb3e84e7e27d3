"""Downloads into a cache: once, whole or not at all, checked, and continued where they broke off."""

import fcntl
import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO

from tqdm import tqdm

from shufflenet_zoo import __version__
from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.content import open_archive
from shufflenet_zoo.weights.index import PublishedWeights

# Names the folder of downloaded files.
HOME = 'SHUFFLENET_ZOO_HOME'
# Set to 1, files without a published hash are accepted; the tools' --trust sets it.
TRUST = 'SHUFFLENET_ZOO_TRUST'
_TIMEOUT = 30
_ATTEMPTS = 3
_CHUNK = 2**18


def cache_folder() -> Path:
    """Return the folder of downloaded files: $SHUFFLENET_ZOO_HOME, else the checkpoints of torch's hub folder."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser()
    # As torch.hub.get_dir() finds it, for machines without torch as well.
    caches = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(os.environ.get('TORCH_HOME') or Path(caches, 'torch')).expanduser() / 'hub' / 'checkpoints'


def check_readable(row: PublishedWeights) -> None:
    """Check that we can read published weights.

    Raises:
        CheckpointError: if we cannot, with the reason.
    """
    if row.refused:
        raise CheckpointError(f'{row.name} cannot be loaded: {row.refused} ({row.url})')


def fetch(row: PublishedWeights, trust: bool = False) -> Path:
    """Return the file of published weights: the package's own, one that is in the cache already, or a new download.

    Args:
        row: The row of the index.
        trust: Whether a file without a published hash will do; SHUFFLENET_ZOO_TRUST=1 says so as well.

    Raises:
        CheckpointError: if we cannot read the file, it has no hash and is not trusted, it cannot be downloaded, or
            its hash is another.
    """
    check_readable(row)
    if row.file:
        path = Path(__file__).parent / 'index' / row.file
        _check_hash(path, row.hash, f'{path} is damaged; install the package again')
        return path
    path = cache_folder() / row.url.rpartition('/')[2].removesuffix('.zip' if row.archive else '')
    if not row.hash and not trust and os.environ.get(TRUST) != '1':
        raise CheckpointError(
            f'{row.name}: no hash of {row.url} is published, so nobody can tell whether what arrives is what was '
            f'meant; to load it all the same give --trust, or trust=True in Python'
        )
    return download(row.url, path, row.hash, row.archive)


def download(url: str, path: Path, expected: str = '', archive: str = '') -> Path:
    """Download a file unless it is there; of several processes, one does and the others wait.

    Args:
        url: The address.
        path: Where the file goes.
        expected: Its hash, as in ``PublishedWeights``. Default: '', not checked.
        archive: 'zip' if the address is that of a zip archive with the file in it.

    Raises:
        CheckpointError: if it cannot be downloaded, or the hash is another.
    """
    by_hand = f'to do without a download, put the {"unpacked " if archive else ""}file there as {path}'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not path.exists():
                part = path.with_name(f'.{path.name}.part')
                _download_to(part, url, by_hand)
                _publish(part, path, url, expected, archive)
            else:
                _check_hash(path, expected, f'delete {path}, which is not what {url} was published as')
    except OSError as error:
        raise CheckpointError(f'{url} cannot be stored as {path}: {error.strerror or error}') from error
    return path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with its process."""
    lock = path.with_name(f'.{path.name}.lock')
    with lock.open('w') as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _download_to(part: Path, url: str, by_hand: str) -> None:
    """Download into a file, beginning behind what an interrupted download left in it."""
    for attempt in range(_ATTEMPTS):
        try:
            if _continue(part, url):
                return
            reason = 'the connection ended before the file did'
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is more than the whole file
                part.unlink(missing_ok=True)
            reason = f'the server answers {error.code} {error.reason}'
            if error.code in (401, 403, 404, 410):
                break
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, 'reason', error)) or type(error).__name__
            if attempt == 0 and isinstance(error, urllib.error.URLError):
                break  # no such host, no network: it will not come back within a second
    raise CheckpointError(f'{url} cannot be downloaded: {reason}; {by_hand}')


def _continue(part: Path, url: str) -> bool:
    """Download what is missing of a file; return whether it is whole now."""
    present = part.stat().st_size if part.exists() else 0
    headers = {'User-Agent': f'shufflenet-zoo/{__version__}'} | ({'Range': f'bytes={present}-'} if present else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT) as response:
        if response.status != 206:  # a server that knows no ranges sends everything
            present = 0
        length = response.headers.get('Content-Length')
        total = present + int(length) if length else None
        with part.open('r+b' if present else 'wb') as stream:
            stream.seek(present)
            _copy(response, stream, part.name.strip('.').removesuffix('.part'), present, total)
            return total is None or stream.tell() == total


def _copy(response: IO[bytes], stream: IO[bytes], name: str, present: int, total: int | None) -> None:
    # Silent where nobody watches: in logs and pipes.
    with tqdm(desc=name, initial=present, total=total, unit='B', unit_scale=True, disable=None) as bar:
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            bar.update(len(chunk))


def _publish(part: Path, path: Path, url: str, expected: str, archive: str) -> None:
    """Check a complete download and give it its name; one that is wrong is removed."""
    try:
        if archive:
            with replacing(path) as draft:
                _unpack(part, draft, path.name)
                _check_hash(draft, expected, f'the file in {url} is damaged or another one; nothing was kept')
        else:
            _check_hash(part, expected, f'{url} is damaged or another file; nothing was kept')
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _unpack(archive: Path, target: Path, name: str) -> None:
    with open_archive(archive) as members:
        if members.namelist() != [name]:
            raise CheckpointError(f'{archive} should hold {name} alone, and it holds {", ".join(members.namelist())}')
        with members.open(name) as source, target.open('wb') as stream:
            while chunk := source.read(_CHUNK):
                stream.write(chunk)


def _check_hash(path: Path, expected: str, otherwise: str) -> None:
    if not expected:
        return
    algorithm, _, digits = expected.partition(':')
    with path.open('rb') as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if not found.startswith(digits):
        raise CheckpointError(f'the {algorithm} of {path.name} is {found}, and {digits} was published: {otherwise}')
