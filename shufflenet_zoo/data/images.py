"""Images from files, with the pixels that mmcv reads."""

import glob
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from shufflenet_zoo.data.folders import IMAGE_SUFFIXES, find_images_below
from shufflenet_zoo.errors import DataError

# What mmcv lays behind a grey picture with alpha, so that black things in it are seen.
_CANVAS = (124, 117, 104)
# By whose rule, and mmcv's names of the interpolations that it has.
INTERPOLATIONS = {
    'cv2': {
        'nearest': cv2.INTER_NEAREST,
        'bilinear': cv2.INTER_LINEAR,
        'bicubic': cv2.INTER_CUBIC,
        'area': cv2.INTER_AREA,
        'lanczos': cv2.INTER_LANCZOS4,
    },
    'pillow': {
        'nearest': Image.Resampling.NEAREST,
        'bilinear': Image.Resampling.BILINEAR,
        'bicubic': Image.Resampling.BICUBIC,
        'lanczos': Image.Resampling.LANCZOS,
    },
}


def find_images(names: Sequence[str]) -> list[str]:
    """Return the image files that a user names.

    Args:
        names: Files, folders, of which every image is taken, those in folders inside too, and patterns such as
            'photos/*.jpg' or 'photos/**/*.jpg'.

    Raises:
        DataError: if a folder has no image, or no file matches a pattern.
    """
    return [path for name in names for path in _find(name)]


def _find(name: str) -> Iterator[str]:
    if Path(name).is_dir():
        found = [str(path) for path in find_images_below(Path(name))]
        if not found:
            raise DataError(f'folder {name} has no image ({", ".join(IMAGE_SUFFIXES)})')
    elif glob.has_magic(name) and not Path(name).exists():
        found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())
        if not found:
            raise DataError(f'no file matches {name}; correct the pattern, or put images there')
    else:
        found = [name]
    yield from found


def read_image(path: str, backend: str = 'cv2') -> np.ndarray:
    """Read an image file as mmcv's LoadImageFromFile does, turned upright by its EXIF orientation.

    Args:
        path: The file.
        backend: Whose decoder, by mmcv's name: 'cv2' (default) or 'pillow'.

    Returns:
        The image, uint8 of shape (height, width, 3), blue first.

    Raises:
        DataError: if the file is missing or no image.
    """
    if not Path(path).is_file():
        raise DataError(f'image {path} does not exist; correct its path or put it there')
    try:
        return _DECODERS[backend](Path(path).read_bytes())
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        raise DataError(
            f'image {path} cannot be read: it is damaged, or no image; copy it again, or give a JPEG or PNG file'
        ) from error


def _decode_by_opencv(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError('OpenCV cannot decode it')
    return image


def _decode_by_pillow(content: bytes) -> np.ndarray:
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if picture.mode == 'LA':
        canvas = Image.new('RGB', picture.size, _CANVAS)
        canvas.paste(picture.convert('RGBA'), mask=picture.getchannel('A'))
        picture = canvas
    return np.asarray(picture.convert('RGB'))[..., ::-1]


_DECODERS = {'cv2': _decode_by_opencv, 'pillow': _decode_by_pillow}


def resize(
    image: np.ndarray, size: tuple[int, int], interpolation: str = 'bilinear', backend: str = 'cv2'
) -> np.ndarray:
    """Resize an image as mmcv does.

    Args:
        image: uint8 of shape (height, width, 3).
        size: The new height and width.
        interpolation: By mmcv's name.
        backend: By whose rule: 'cv2' or 'pillow', which smooths when it shrinks.
    """
    rule = INTERPOLATIONS[backend][interpolation]
    if backend == 'cv2':
        return cv2.resize(image, size[::-1], interpolation=rule)
    return np.asarray(Image.fromarray(image).resize(size[::-1], rule))
