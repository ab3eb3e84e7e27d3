"""The tools, called in this process: importing torch takes seconds."""

import importlib.util
import logging
import sys
from pathlib import Path

import pytest
from helpers.tiny_job import ROOT, write_config

from shufflenet_zoo.jobs import cli


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Call a tool in an empty folder; return its exit status, its output lines and its error lines."""
    monkeypatch.chdir(tmp_path)
    # Loggers of earlier tests still write to streams that were closed with those tests.
    monkeypatch.setattr(logging, 'raiseExceptions', False)

    def run(name, *args):
        spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *map(str, args)])
        status = 0
        capsys.readouterr()
        try:
            cli.run(module.main)
        except SystemExit as end:
            status = end.code
        output, errors = capsys.readouterr()
        return status, output.splitlines(), errors.splitlines()

    return run


@pytest.fixture
def refused(call):
    """Call a tool that must end with status 2 and one line that has the words; nothing may be left behind."""

    def run(name, *args, words):
        before = _files(Path())
        status, _, errors = call(name, *args)
        assert status == 2
        assert len(errors) == 1, errors
        assert errors[0].startswith('error: ')
        for word in words:
            assert word in errors[0]
        assert _files(Path()) == before

    return run


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if '__pycache__' not in path.parts}


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
