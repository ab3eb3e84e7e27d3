"""A trained job for the tools."""

import pytest
from helpers.tiny_job import write_config


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """A tiny config and its checkpoint after training."""
    from shufflenet_zoo.jobs.backends import TrainOptions
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.openmmlab.runner import train

    folder = tmp_path_factory.mktemp('trained')
    config = write_config(folder / 'trained.py')
    train(load_config(config), TrainOptions(work_dir=str(folder / 'work'), device='cpu'))
    return config, folder / 'work' / 'epoch_3.pth'
