"""What a run leaves behind in its process."""

import multiprocessing

import pytest
from helpers.tiny_job import write_config

from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.hooks import StopHook
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train

WORKERS = """
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.update(num_workers=1)
"""


@pytest.fixture(autouse=True)
def no_workers_of_others():
    for worker in multiprocessing.active_children():
        worker.terminate()
        worker.join()


def test_a_training_and_a_test_end_their_data_workers(tmp_path):
    path = write_config(tmp_path / 'job.py', WORKERS)
    train(load_config(path), TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    assert not multiprocessing.active_children()
    checkpoint = str(tmp_path / 'work/epoch_1.pth')
    evaluate(load_config(path), checkpoint, TestOptions(work_dir=str(tmp_path / 'test'), device='cpu'))
    assert not multiprocessing.active_children()


def test_a_training_that_fails_ends_its_data_workers(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError('no')

    monkeypatch.setattr(StopHook, 'after_train_iter', fail)
    path = write_config(tmp_path / 'job.py', WORKERS)
    with pytest.raises(ValueError, match='no'):
        train(load_config(path), TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    assert not multiprocessing.active_children()
