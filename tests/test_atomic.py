"""Files appear whole or not at all, and nothing else is left behind."""

import os
import signal
import subprocess
import sys

import pytest

from shufflenet_zoo.atomic import draft_folder, replacing


class Interrupted(BaseException):
    """Stands for a KeyboardInterrupt."""


@pytest.fixture
def path(tmp_path):
    (tmp_path / 'a.pth.tar').write_text('old')
    return tmp_path / 'a.pth.tar'


def names(folder):
    return [file.name for file in folder.iterdir()]


def test_a_file_is_replaced_at_the_end(path):
    with replacing(path) as draft:
        draft.write_text('new')
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'
    assert names(path.parent) == [path.name]


def test_drafts_are_hidden_beside_the_file_and_keep_its_suffixes(path):
    with replacing(str(path)) as draft, replacing(path) as other:
        assert draft != other  # two writers of one file do not mix
        assert draft.parent == path.parent
        assert draft.name.startswith('.') and draft.name.endswith('.pth.tar')


@pytest.mark.parametrize('error', [OSError('disk full'), Interrupted()])
@pytest.mark.parametrize('existing', [True, False])
def test_a_failing_or_interrupted_writer_leaves_the_old_file(path, error, existing):
    if not existing:
        path.unlink()
    before = names(path.parent)
    with pytest.raises(type(error)) as raised, replacing(path) as draft:
        draft.write_text('ha')
        raise error
    assert raised.value is error
    assert names(path.parent) == before
    assert not existing or path.read_text() == 'old'


def test_a_killed_writer_leaves_the_old_file(path):
    code = 'import sys, os; from shufflenet_zoo.atomic import replacing\n' + (
        'with replacing(sys.argv[1]) as draft: draft.write_text("ha"); os.kill(os.getpid(), 9)'
    )
    assert subprocess.run([sys.executable, '-c', code, path], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == 'old'


def test_a_failing_replacement_leaves_the_old_file(path, monkeypatch):
    def fail(source, target):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='disk full'), replacing(path) as draft:
        draft.write_text('new')
    assert path.read_text() == 'old'
    assert names(path.parent) == [path.name]


def test_a_failing_clean_up_does_not_hide_the_first_error(path, monkeypatch):
    def fail(self, missing_ok=False):
        raise PermissionError('no longer mine')

    with monkeypatch.context() as patch, pytest.raises(ValueError, match='the first'), replacing(path):
        patch.setattr(type(path), 'unlink', fail)
        raise ValueError('the first')


def test_a_draft_that_the_writer_has_moved_away_is_no_error_of_its_own(path):
    with pytest.raises(ValueError, match='the first'), replacing(path) as draft:
        draft.unlink()
        raise ValueError('the first')


@pytest.mark.parametrize('opens', [replacing, draft_folder])
def test_the_folder_is_made(tmp_path, opens):
    with opens(tmp_path / 'x' / 'y' / 'a.npz'):
        assert len(names(tmp_path / 'x' / 'y')) == 1


@pytest.mark.parametrize('opens', [replacing, draft_folder])
def test_a_folder_that_cannot_be_made(path, opens):
    with pytest.raises(OSError, match=path.name), opens(path / 'a.npz'):
        pytest.fail('there is nothing to write to')


def test_no_folder_and_no_device_is_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for target, words in ((tmp_path, 'it is a folder'), (tmp_path / 'pipe', 'it is no regular file')):
        with pytest.raises(FileExistsError, match=words), replacing(target):
            pytest.fail('there is nothing to write to')
    assert names(tmp_path) == ['pipe']


@pytest.mark.parametrize('mask, expected', [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_a_new_file(path, mask, expected):
    before = os.umask(mask)
    try:
        with replacing(path) as draft:
            draft.unlink()
            draft.touch(0o400)  # as mindspore leaves it
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == expected


def test_what_a_draft_folder_holds_is_moved_or_removed(path):
    with draft_folder(path) as folder:
        (folder / 'kept').write_text('new')
        (folder / 'fp32').write_text('')
        os.replace(folder / 'kept', path)
    assert path.read_text() == 'new'
    with pytest.raises(Interrupted), draft_folder(path) as folder:
        (folder / 'kept').write_text('newer')
        raise Interrupted
    assert path.read_text() == 'new'
    assert names(path.parent) == [path.name]


def test_a_draft_folder_may_be_moved_itself(tmp_path):
    with draft_folder(tmp_path / 'set') as folder:
        (folder / 'a').write_text('')
        os.replace(folder, tmp_path / 'set')
    assert names(tmp_path) == ['set'] and names(tmp_path / 'set') == ['a']
