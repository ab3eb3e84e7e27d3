"""The demo: what visitors may give, what they are shown, and the page itself in a browser."""

import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.browser import CHROMIUM, Browser
from helpers.tiny_job import ROOT
from PIL import Image

from shufflenet_zoo.demo.answers import largest_difference, show_classes
from shufflenet_zoo.demo.uploads import Limits, check_picture
from shufflenet_zoo.errors import DataError
from shufflenet_zoo.jobs.inspection import HeatMap
from shufflenet_zoo.jobs.predictions import Finding, Prediction


def png(width: int, height: int) -> bytes:
    """Return a black picture of one bit a pixel, whose rows are true only where they are few."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    rows = zlib.compress(bytes(-(-width // 8) + 1) * min(height, 100))
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (png(10_000, 10_000), 'upload.png has 10000x10000 pixels, 100 megapixels; a picture of at most 32'),
        (png(100_000, 100_000), 'far too many pixels; a picture of at most 32 megapixels'),
        (b'hello', 'is no picture; give a file of JPEG, PNG'),
        (b'', 'is no picture'),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 'is no picture'),
        (b'\x89PNG\r\n\x1a\n', 'is no picture'),
        (bytes(30_000_000), 'has 30.0 MB; a picture of at most 20 MB'),
    ],
    ids=['100 megapixels', 'bomb', 'text', 'empty', 'svg', 'cut off', '30 MB'],
)
def test_what_is_not_taken_is_removed(content, words, tmp_path):
    path = tmp_path / 'upload.png'
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        check_picture(path, tmp_path, Limits())
    assert not path.exists()


def test_only_pictures_of_visitors_are_taken(tmp_path):
    own = tmp_path / 'own'
    own.mkdir()
    for path in (own / 'in.png', tmp_path / 'out.png'):
        path.write_bytes(png(8, 8))
    (own / 'link.png').symlink_to(tmp_path / 'out.png')
    assert check_picture(own / 'in.png', own, Limits()) == own / 'in.png'
    for outside in ('../out.png', 'link.png', 'missing.png', '.'):
        with pytest.raises(DataError, match='not there any more'):
            check_picture(own / outside, own, Limits())
    assert (tmp_path / 'out.png').exists()


def test_answers_stand_side_by_side_with_their_largest_difference():
    # Two kinds of crane, as in ImageNet.
    answers = {
        'PyTorch': [Finding('crane', 0.5), Finding('crane', 0.25), Finding('<b>', 0.25)],
        'MindSpore': [Finding('crane', 0.5), Finding('<b>', 0.375), Finding('crane', 0.125)],
    }
    assert largest_difference(answers) == 0.125
    shown = show_classes(answers)
    assert '1.2e-01' in shown and '37.50 %' in shown and shown.count('crane') == 4
    assert '&lt;b&gt;' in shown and '<b></b>' not in shown
    assert 'difference' not in show_classes({'PyTorch': answers['PyTorch']})


class StubModel:
    """A model that always finds the same."""

    name, engines = 'stub', ['PyTorch']

    def __init__(self, box: tuple[float, ...] | None) -> None:
        self.is_detector = box is not None
        self._findings = [Finding('7', 0.75, box)]

    def find(self, picture, engine, score_threshold):
        found = [found for found in self._findings if found.score >= score_threshold]
        return Prediction(picture, np.zeros((32, 32, 3), np.uint8), found)

    def explain(self, picture, engines):
        return HeatMap('7', 0.75, np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.float32))


def test_a_detector_shows_boxes_and_a_classifier_where_it_looked(tmp_path):
    page = pytest.importorskip('gradio') and __import__('shufflenet_zoo.demo.page', fromlist=['look_at'])
    shown, picture = page.look_at(StubModel((4, 4, 12, 12)), 'a.png', ['PyTorch'], 0.5, tmp_path)
    assert '1 found' in shown and '4, 4, 12, 12' in shown
    assert picture.shape == (512, 512, 3) and picture.any()
    shown, picture = page.look_at(StubModel((4, 4, 12, 12)), 'a.png', ['PyTorch'], 0.9, tmp_path)
    assert 'Nothing was found' in shown and not picture.any()
    shown, picture = page.look_at(StubModel(None), 'a.png', ['PyTorch'], 0.5, tmp_path)
    assert '75.00 %' in shown and Image.open(picture).format == 'PNG'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['only.py'], ('a config and its checkpoint', 'usage')),
        (['--cfg-options', 'a=1'], ('give one',)),
        (['--max-megapixels', '0'], ('more than 0',)),
        (['--model', 'shufflenet_v1_digit'], ('did you mean shufflenet_v1_digits',)),
        (['shufflenet_v2', 'missing.pth'], ('missing.pth',)),
    ],
)
def test_a_wrong_command_line_serves_nothing(options, words, call, tmp_path):
    status, output, errors = call('demo', *options)
    assert status == 2 and not output
    assert all(word in '\n'.join(errors) for word in words), errors
    assert not list(tmp_path.iterdir())


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    """The address of the demo; when it has ended, nothing is left of it."""
    folders = {name: tmp_path / name for name in ('home', 'tmp', 'work')}
    for folder in folders.values():
        folder.mkdir()
    # Caches would hide what is written to them.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('XDG_', 'MPL', 'ORT_'))}
    process = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / 'demo.py'],
        cwd=folders['work'],
        env=clean | {'HOME': str(folders['home']), 'TMPDIR': str(folders['tmp'])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith('serving at http://127.0.0.1:'), line + process.stdout.read()
        yield line.split()[2].rstrip(';')
        assert not list(folders['home'].iterdir()) and not list(folders['work'].iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 128 + signal.SIGTERM
        assert process.stdout.read() == 'stopped by SIGTERM\n'
        assert not [path.name for path in folders['tmp'].iterdir() if 'demo' in path.name]
    finally:
        process.kill()
        process.wait()


def uploads(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.glob('tmp/shufflenet-zoo-demo-*/uploads/*/*')]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason='needs Chromium')
def test_the_page_shows_what_every_framework_finds(address, tmp_path):
    pytest.importorskip('gradio')
    files = {'big.png': (png(10_000, 10_000), '100 megapixels'), 'none.png': (b'hello', 'is no picture')}
    (tmp_path / 'browser').mkdir()
    with Browser(tmp_path / 'browser') as browser:
        browser.open(address)
        for name, (content, notice) in files.items():
            (tmp_path / name).write_bytes(content)
            browser.wait("document.querySelector('#picture input[type=file]') != null")
            browser.give_file('#picture input[type=file]', tmp_path / name)
            browser.wait(f"document.body.innerText.includes('{notice}')")
        assert len(uploads(tmp_path)) == 10, 'what was not taken is removed, but for the examples'

        browser.open(address)
        browser.wait("document.querySelectorAll('#examples img').length == 10")
        browser.run("document.querySelectorAll('#examples button img')[7].click()")
        browser.wait("document.querySelector('#picture img') != null")
        browser.run("document.querySelector('#look').click()")
        browser.wait("document.querySelector('#drawn img')?.complete")
        columns = browser.run("[...document.querySelectorAll('#found td')].map(column => column.innerText)")
        difference = float(browser.run("document.querySelector('#found p b').innerText"))
        assert [column.split()[0] for column in columns] == ['PyTorch', 'MindSpore', 'ONNX']
        assert all('\n7\n93.' in column for column in columns) and difference < 1e-5
        browser.photograph(tmp_path / 'page.png')
        elsewhere = [one for one in browser.answered if not one.startswith((address, 'data:', 'blob:'))]
        assert not elsewhere
    picture = cv2.imread(str(tmp_path / 'page.png'))
    assert picture.std() > 10, 'something is drawn'
