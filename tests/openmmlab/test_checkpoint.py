"""Reading checkpoints: mmengine's training logs yes, code no; wherever they come from."""

import functools
import subprocess
import sys
import threading
from collections import OrderedDict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import read_checkpoint


class Call:
    """An object whose pickle calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def test_training_logs_are_read(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    buffer.update(4.0)
    torch.save({'log': buffer, 'scalar': np.float32(3), 'array': np.arange(3)}, tmp_path / 'log.pth')
    content = read_checkpoint(tmp_path / 'log.pth')
    assert content['log'].statistics('max') == 4.0
    assert content['log'].statistics('mean', 2) == 3.0
    assert content['scalar'] == 3
    assert content['array'].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    'function_and_args',
    [
        (Path.touch, Path('exploded')),
        (getattr, OrderedDict, 'fromkeys'),
        (getattr, HistoryBuffer, '__init__'),
        (eval, '1 + 1'),
    ],
    ids=['method', 'getattr', 'getattr-private', 'eval'],
)
def test_code_is_refused(tmp_path, monkeypatch, function_and_args):
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': {}, 'x': Call(*function_and_args)}, 'code.pth')
    with pytest.raises(CheckpointError, match=r'code\.pth holds Python objects besides weights'):
        read_checkpoint('code.pth')
    assert not Path('exploded').exists()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server of a folder; what is downloaded goes elsewhere."""
    folder = tmp_path / 'served'
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *args: None
    with ThreadingHTTPServer(('localhost', 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f'http://localhost:{running.server_port}'
        running.shutdown()


def test_downloads_are_read_as_safely(server, tmp_path):
    folder, url = server
    torch.save({'weight': torch.ones(2)}, folder / 'good.pth')
    torch.save({'weight': Call(Path.touch, tmp_path / 'exploded')}, folder / 'code.pth')
    assert fetch_checkpoint(f'{url}/good.pth')['weight'].tolist() == [1, 1]
    with pytest.raises(CheckpointError, match='code.pth holds'):
        fetch_checkpoint(f'{url}/code.pth')
    with pytest.raises(CheckpointError, match='absent.pth cannot be downloaded'):
        fetch_checkpoint(f'{url}/absent.pth')
    assert not (tmp_path / 'exploded').exists()


def test_importing_us_leaves_mmengines_loaders_alone():
    """One is added, of our own addresses."""
    code = (
        'from mmengine.runner import checkpoint\n'
        'before = dict(checkpoint.CheckpointLoader._schemes), checkpoint.load_from_http\n'
        'import shufflenet_zoo.backbones, shufflenet_zoo.openmmlab.runner\n'
        'del checkpoint.CheckpointLoader._schemes["zoo://"]\n'
        'assert before == (dict(checkpoint.CheckpointLoader._schemes), checkpoint.load_from_http)\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_importing_us_lets_mmengine_read_its_own_logs(tmp_path):
    torch.save({'state_dict': {}, 'log': HistoryBuffer([1.0], [1])}, tmp_path / 'log.pth')
    code = (
        'from mmengine.runner import CheckpointLoader\n'
        'import shufflenet_zoo.backbones\n'
        'print(CheckpointLoader.load_checkpoint("log.pth")["log"].current())\n'
    )
    done = subprocess.run([sys.executable, '-c', code], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip().endswith('1.0')
