"""The digest in an exported file, by which damage is known before an engine reads the file."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from shufflenet_zoo.errors import DataError

# What the metadata holds in a digest's place until ``seal`` writes it there; formats store the text as it is.
UNSEALED = 'shufflenet-zoo-sha256:' + '0' * 64
_SEAL = re.compile(rb'shufflenet-zoo-sha256:([0-9a-f]{64})')
# Suffixes of what lies beside a file and belongs to it.
_BESIDE = {'.xml': ('.bin',), '.ncnn.param': ('.bin', '.json')}
# Protobuf's and flatbuffers' files end there, and what is larger is not read into memory.
_LARGEST = 2**31


def parts_of(path: Path) -> list[Path]:
    """Return every file that belongs to an exported one, that one first."""
    beside = next((found for suffix, found in _BESIDE.items() if path.name.endswith(suffix)), ())
    return [path, *(path.with_suffix(suffix) for suffix in beside)]


def seal(path: Path) -> None:
    """Write the digest of an exported file, and of what belongs to it, into the place that its metadata has for it."""
    place = _find(path)
    if place is None:
        raise ValueError(f'{path.name} has no place for a digest')
    with place.part.open('r+b') as stream:
        stream.seek(place.start)
        stream.write(place.computed)


def check_seal(path: Path) -> None:
    """Check an exported file by the digest in it; one that has none passes, as those of others.

    Raises:
        DataError: if it is another.
    """
    place = _find(path)
    if place is not None and place.held not in (place.computed, UNSEALED[-64:].encode()):
        raise DataError(
            f'{path} is not what was exported, by the digest in it: it is damaged or was changed; export it again, '
            f"or, if you changed it, remove 'digest' from its metadata"
        )


@dataclass(frozen=True)
class _Place:
    part: Path
    start: int
    held: bytes
    computed: bytes


def _find(path: Path) -> _Place | None:
    """Return where the digest of a file lies, what it is there and what it must be, all in hexadecimal digits."""
    parts = parts_of(path)
    if not all(part.is_file() and part.stat().st_size < _LARGEST for part in parts):
        return None
    contents = [part.read_bytes() for part in parts]
    places = [(index, match) for index, data in enumerate(contents) for match in _SEAL.finditer(data)]
    if not places:
        return None
    # The last one, since a .tflite file has its metadata twice over: in an archive with a checksum, and after it.
    sealed, match = places[-1]
    contents[sealed] = contents[sealed][: match.start(1)] + contents[sealed][match.end(1) :]
    computed = hashlib.sha256(b''.join(contents)).hexdigest().encode()
    return _Place(parts[sealed], match.start(1), match[1], computed)
