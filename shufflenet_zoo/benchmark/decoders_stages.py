"""What decodes JPEG files to RGB or BGR, and whether the pixels are OpenCV's, which both backends train on."""

import importlib.util
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from shufflenet_zoo.benchmark.pipeline_worker import Stages


def _opencv(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def _pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert('RGB'))


def _torchvision(content: bytes) -> np.ndarray:
    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_jpeg(data, ImageReadMode.RGB).permute(1, 2, 0).numpy()


def _simplejpeg(content: bytes) -> np.ndarray:
    import simplejpeg

    return simplejpeg.decode_jpeg(content)


def stages(orders: Mapping[str, Any]) -> Stages:
    """Yield the decoders that are installed."""
    torch.set_num_threads(1)
    contents = [Path(path).read_bytes() for path in orders['paths']]
    yield 'reading the file', lambda: [Path(path).read_bytes() for path in orders['paths']], 'from the page cache'
    decoders = {'OpenCV': _opencv, 'Pillow': _pillow, 'torchvision': _torchvision}
    if importlib.util.find_spec('simplejpeg'):
        decoders['simplejpeg (libjpeg-turbo)'] = _simplejpeg
    for name, decode in decoders.items():
        yield name, lambda: [decode(content) for content in contents], _compare(decode, contents)  # noqa: B023


def _compare(decode: Callable[[bytes], np.ndarray], contents: list[bytes]) -> str:
    """Say how the pixels of a decoder differ from OpenCV's."""
    largest = max(int(np.abs(decode(c).astype(int) - _opencv(c).astype(int)).max()) for c in contents)
    return "OpenCV's pixels" if largest == 0 else f'differs from OpenCV by up to {largest} of 255'
