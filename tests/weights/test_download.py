"""Downloads from a real server on the loopback: whole or not at all, checked, continued, once for all processes."""

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.server import serving

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.download import HOME, TRUST, cache_folder, fetch
from shufflenet_zoo.weights.index import get_weights

BODY = bytes(range(256)) * 4096
SHA1 = hashlib.sha1(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
ROW = get_weights('shufflenet_v2_0.5x@torchvision')


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / 'cache'))
    monkeypatch.delenv(TRUST, raising=False)
    with serving() as server:
        server.files['/weights.pth'] = BODY
        yield server


def row(server, **changes):
    return replace(ROW, **{'url': f'{server.url}/weights.pth', 'hash': f'sha256:{SHA256[:10]}'} | changes)


def leftovers():
    return [path.name for path in cache_folder().iterdir() if not path.name.endswith('.lock')]


def test_a_file_is_downloaded_once(server):
    path = fetch(row(server))
    assert path.read_bytes() == BODY
    assert fetch(row(server)) == path
    assert server.requests == [None]
    assert leftovers() == ['weights.pth']


def test_a_truncated_body_is_continued(server):
    server.breaks = [1000, 500_000]
    assert fetch(row(server)).read_bytes() == BODY
    assert server.requests == [None, 'bytes=1000-', 'bytes=500000-']


def test_a_later_run_continues_what_is_there(server):
    server.breaks = [1000, 1001, 1002]
    with pytest.raises(CheckpointError, match='the connection ended before the file did; to do without'):
        fetch(row(server))
    assert not (cache_folder() / 'weights.pth').exists()
    server.requests.clear()
    assert fetch(row(server)).read_bytes() == BODY
    assert server.requests == ['bytes=1002-']


def test_a_server_without_ranges_sends_all_again(server):
    server.ranges, server.breaks = False, [1000]
    assert fetch(row(server)).read_bytes() == BODY


def test_a_rest_of_another_file_is_not_taken(server):
    cache_folder().mkdir()
    (cache_folder() / '.weights.pth.part').write_bytes(b'x' * (len(BODY) + 5))
    assert fetch(row(server)).read_bytes() == BODY


def test_a_wrong_hash_leaves_nothing(server):
    with pytest.raises(CheckpointError, match=f'is {SHA256}, and 0000000000 was published.*nothing was kept'):
        fetch(row(server, hash='sha256:0000000000'))
    assert leftovers() == []


def test_a_wrong_file_in_the_cache_is_named(server):
    path = cache_folder() / 'weights.pth'
    path.parent.mkdir()
    path.write_bytes(b'other')
    with pytest.raises(CheckpointError, match=f'delete {path}'):
        fetch(row(server))
    assert path.read_bytes() == b'other'


def test_zip_archives_are_unpacked_and_checked(server, tmp_path):
    archive = tmp_path / 'a.zip'
    with zipfile.ZipFile(archive, 'w') as stream:
        stream.writestr('weights.pth', BODY)
    server.files['/weights.pth.zip'] = archive.read_bytes()
    zipped = row(
        server, url=f'{server.url}/weights.pth.zip', archive='zip', hash=f'sha1:{hashlib.sha1(BODY).hexdigest()}'
    )
    assert fetch(zipped).read_bytes() == BODY
    assert leftovers() == ['weights.pth']


def test_zip_archives_of_something_else_are_refused(server, tmp_path):
    archive = tmp_path / 'a.zip'
    with zipfile.ZipFile(archive, 'w') as stream:
        stream.writestr('../weights.pth', BODY)
    server.files['/weights.pth.zip'] = archive.read_bytes()
    with pytest.raises(CheckpointError, match='should hold weights.pth alone'):
        fetch(row(server, url=f'{server.url}/weights.pth.zip', archive='zip'))
    assert leftovers() == []


@pytest.mark.parametrize('url', ['http://127.0.0.1:9/weights.pth', 'http://nowhere.invalid/weights.pth'])
def test_offline_names_the_address_and_the_place(server, url):
    with pytest.raises(CheckpointError) as caught:
        fetch(row(server, url=url))
    message = str(caught.value)
    assert url in message and f'put the file there as {cache_folder() / "weights.pth"}' in message
    assert '\n' not in message


def test_a_missing_file_is_said_with_its_status(server):
    with pytest.raises(CheckpointError, match='the server answers 404'):
        fetch(row(server, url=f'{server.url}/nothing.pth'))
    assert len(server.requests) == 1


def test_weights_without_hash_need_trust(server, monkeypatch):
    unhashed = row(server, hash='')
    with pytest.raises(CheckpointError, match='no hash of .* is published.*--trust'):
        fetch(unhashed)
    assert server.requests == []
    assert fetch(unhashed, trust=True).read_bytes() == BODY
    monkeypatch.setenv(TRUST, '1')
    assert fetch(unhashed).read_bytes() == BODY


def test_what_cannot_be_read_is_refused_before_the_download(server):
    with pytest.raises(CheckpointError, match='quantized to int8'):
        fetch(row(server, refused=get_weights('shufflenet_v2_0.5x@torchvision-int8').refused))
    assert server.requests == []


def test_of_several_processes_one_downloads(server):
    code = f"""
from dataclasses import replace
from shufflenet_zoo.weights.download import fetch
from shufflenet_zoo.weights.index import get_weights
print(fetch(replace(get_weights({ROW.name!r}), url={server.url + '/weights.pth'!r}, hash='sha256:{SHA256}')))
"""
    processes = [subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert paths == {str(cache_folder() / 'weights.pth')}
    assert server.requests == [None]


def test_the_cache_is_torchs_unless_told(monkeypatch):
    import torch

    monkeypatch.delenv(HOME, raising=False)
    for name in ('TORCH_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path(torch.hub.get_dir()) / 'checkpoints'
    monkeypatch.setenv('TORCH_HOME', '/somewhere')
    assert cache_folder() == Path(torch.hub.get_dir()) / 'checkpoints' == Path('/somewhere/hub/checkpoints')


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_cache_that_cannot_be_written_is_named(server, monkeypatch):
    monkeypatch.setenv(HOME, '/proc/nothing')
    with pytest.raises(CheckpointError, match='cannot be stored as /proc/nothing'):
        fetch(row(server))
