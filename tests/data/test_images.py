"""Image files of every kind against mmcv's pixels, and what is said of files that cannot be read."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.errors import DataError

BACKENDS = ('cv2', 'pillow')
ORIENTATION = 0x0112


@pytest.fixture(scope='module')
def colours():
    """Smooth RGB and alpha, uint8 of shape (45, 60, 4)."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((60, 45), Image.Resampling.BICUBIC))


def _deep(colours, channels):
    """The picture with 16 bits that are more than repeated 8, of 1, 3 or 4 channels."""
    return (colours[..., :channels].astype(np.uint16) * 251 + np.arange(60, dtype=np.uint16)[:, None]).squeeze()


# Modes of Pillow that each format can hold.
MODES = {
    'jpg': ('RGB', 'L', 'CMYK'),
    'png': ('RGB', 'L', 'RGBA', 'LA', 'P', '1'),
    'tif': ('RGB', 'L', 'RGBA'),
    'bmp': ('RGB', 'L', 'P'),
    'webp': ('RGB', 'RGBA'),
    'ppm': ('RGB', 'L'),
}


def _check(path, backend):
    theirs = pytest.importorskip('mmcv.transforms').LoadImageFromFile(imdecode_backend=backend)
    ours = read_image(str(path), backend)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, theirs(dict(img_path=str(path)))['img'])


@pytest.mark.filterwarnings('ignore:Palette images')
@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('suffix', 'mode'), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes])
def test_reads_what_mmcv_reads(suffix, mode, backend, colours, tmp_path):
    path = tmp_path / f'image.{suffix}'
    Image.fromarray(colours).convert(mode).save(path)
    _check(path, backend)


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_reads_16_bits_as_mmcv_does(suffix, channels, colours, tmp_path):
    path = tmp_path / f'image.{suffix}'
    cv2.imwrite(str(path), _deep(colours, channels))
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    _check(path, 'cv2')


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('suffix', ['jpg', 'png'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_turns_images_as_mmcv_does(orientation, suffix, backend, colours, tmp_path):
    path = tmp_path / f'image.{suffix}'
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(colours[..., :3]).save(path, exif=exif)
    assert read_image(str(path), backend).shape == ((60, 45, 3) if orientation > 4 else (45, 60, 3))
    _check(path, backend)


def _huge_png():
    """A whole file that announces more pixels than a decoder takes."""

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', 60000, 60000, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(b'0')) + chunk(b'IEND', b'')


def _cut(kind):
    file = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert('RGB').save(file, kind)
    return file.getvalue()[:-40]


DAMAGED = {
    'empty': b'',
    'text': b'no image',
    'huge': _huge_png(),
    **{f'cut {kind}': _cut(kind) for kind in ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP')},
}


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', DAMAGED)
def test_a_damaged_image_is_named(name, backend, tmp_path):
    path = tmp_path / 'image.png'
    path.write_bytes(DAMAGED[name])
    with pytest.raises(DataError, match=r'^image [^\n]*image\.png cannot be read: it is damaged, or no image[^\n]*$'):
        read_image(str(path), backend)


def test_a_missing_image_is_named(tmp_path):
    for path in ('absent.png', str(tmp_path)):
        with pytest.raises(DataError, match=f'image {path} does not exist'):
            read_image(path)
