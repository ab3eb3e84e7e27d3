"""Settings that must be in force before any test imports a framework, and the tools as functions."""

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.refusals import assert_refused, nothing_left
from helpers.tiny_job import ROOT

from shufflenet_zoo.jobs import cli

# mindspore's own oneDNN falls to a reference convolution on AVX-512, ten times slower; it reads this once.
os.environ.setdefault('ONEDNN_MAX_CPU_ISA', 'AVX2')
# The tests' networks are too small for more threads, and pytest's processes share the cores.
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture(autouse=True)
def _no_scope_left_behind() -> Iterator[None]:
    """Forget the default scope that a test's runner set, mmdet's or mmpretrain's: the next test has another."""
    yield
    if 'mmengine.registry' in sys.modules:
        from mmengine.registry import DefaultScope

        DefaultScope._instance_dict.clear()


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Call a tool in this process and an empty folder; return its exit status, its output lines and its error lines."""
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
        with nothing_left(Path()):
            status, _, errors = call(name, *args)
        assert_refused(status, '\n'.join(errors), *words)

    return run
