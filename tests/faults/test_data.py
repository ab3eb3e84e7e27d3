"""Image files that are broken or go away, and data workers that are killed: one line each."""

import os
import signal
from pathlib import Path

import pytest
from helpers.faults import BACKENDS, at_iteration, command, end, run, started, wait_for, write_job
from helpers.refusals import assert_refused

FOLDER = """
images = dict(
    _delete_=True, type='CustomDataset', data_root='images', with_label=True,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='Resize', scale=8), dict(type='PackInputs')])
train_dataloader.update(dataset=images)
val_dataloader.update(dataset=images)
test_dataloader = val_dataloader
"""


@pytest.fixture
def job(tmp_path):
    """The config of a training on 384 image files of ten classes, and one of the files."""
    import cv2
    import numpy as np

    random = np.random.default_rng(0)
    for label in range(10):
        folder = tmp_path / 'images' / str(label)
        folder.mkdir(parents=True)
        for number in range(39 if label < 4 else 38):
            cv2.imwrite(str(folder / f'{number}.jpg'), random.integers(0, 255, (16, 16, 3), dtype=np.uint8))
    return write_job(tmp_path, FOLDER, workers=2), tmp_path / 'images' / '3' / '7.jpg'


@pytest.mark.parametrize(
    ('backend', 'content'),
    [
        ('torch', b'no image'),
        *(pytest.param(*case, marks=pytest.mark.faults) for case in (('torch', None), ('mindspore', b'no image'))),
    ],
)
def test_a_file_that_is_no_image_is_named(backend, content, job, tmp_path):
    config, image = job
    # Without content: cut off behind the header.
    image.write_bytes(image.read_bytes()[:300] if content is None else content)
    status, _, errors = run(*command('train', config, '--work-dir', 'work', backend=backend), cwd=tmp_path)
    assert_refused(status, errors, 'image images/3/7.jpg cannot be read', 'copy it again')


@pytest.mark.faults
@pytest.mark.parametrize('backend', BACKENDS)
def test_a_file_that_goes_away_in_mid_epoch_is_named(backend, job, tmp_path):
    config, _ = job
    with started(*command('train', config, '--work-dir', 'work', backend=backend), cwd=tmp_path) as process:
        wait_for(process, at_iteration(1, 2))
        (tmp_path / 'images').rename(tmp_path / 'gone')
        status, _, errors = end(process)
    assert_refused(status, errors, 'image images/', 'does not exist')


@pytest.mark.faults
def test_a_killed_data_worker_is_one_line(job, tmp_path):
    config, _ = job
    with started(*command('train', config, '--work-dir', 'work'), cwd=tmp_path) as process:
        wait_for(process, at_iteration(1, 2))
        worker = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()[0]
        os.kill(int(worker), signal.SIGKILL)
        status, _, errors = end(process)
    assert_refused(status, errors, 'a data worker was killed (', 'num_workers', '--resume')
