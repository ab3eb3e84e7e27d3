"""Which pictures a visitor may give: judged by their header, before anything is decoded."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from shufflenet_zoo.errors import DataError

# What every decoder here reads, and knows by its first bytes, so that all of them see the same picture.
_FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP')
MEGA = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a visitor may give.

    Attributes:
        megabytes: The largest file. Default: 20.
        megapixels: The largest picture. Default: 32.
    """

    megabytes: float = 20
    megapixels: float = 32


def check_picture(path: str | Path, folder: Path, limits: Limits) -> Path:
    """Check that a file is a picture within the limits; one that is not is removed.

    Args:
        path: The file that a visitor names.
        folder: Where it must lie.
        limits: What a visitor may give.

    Returns:
        The file.

    Raises:
        DataError: if it lies elsewhere, is no picture, or too large.
    """
    path = Path(path).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise DataError('the picture is not there any more; give it again')
    try:
        _check(path, limits)
    except DataError:
        path.unlink()
        raise
    return path


def _check(path: Path, limits: Limits) -> None:
    most = f'a picture of at most {limits.megapixels:g} megapixels is taken'
    size = path.stat().st_size
    if size > limits.megabytes * MEGA:
        raise DataError(f'{path.name} has {size / MEGA:.1f} MB; a picture of at most {limits.megabytes:g} MB is taken')
    try:
        with warnings.catch_warnings():
            # Pillow's own limits are others.
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                width, height = picture.size
    except Image.DecompressionBombError as error:
        raise DataError(f'{path.name} has far too many pixels; {most}') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f'{path.name} is no picture; give a file of {", ".join(_FORMATS)}') from error
    if width * height > limits.megapixels * MEGA:
        raise DataError(f'{path.name} has {width}x{height} pixels, {width * height / MEGA:.0f} megapixels; {most}')
