"""How the user is told to call another command: as this one was called."""

import sys

import pytest
from helpers.tiny_job import ROOT

from shufflenet_zoo.jobs import program


@pytest.mark.parametrize(
    ('started', 'expected'),
    [
        ('tools/train.py', 'python tools/test.py'),
        (f'{ROOT}/tools/train.py', 'python tools/test.py'),
        ('shufflenet-zoo train', 'shufflenet-zoo test'),
        ('env/bin/shufflenet-zoo train', 'env/bin/shufflenet-zoo test'),
        ('python -m shufflenet_zoo train', 'python -m shufflenet_zoo test'),
        ('-c', 'shufflenet-zoo test'),
        ('/usr/bin/script.py', 'shufflenet-zoo test'),
    ],
)
def test_command(started, expected, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'argv', [started, 'config.py'])
    assert program.command('test') == expected


def test_program(monkeypatch, tmp_path):
    installed = tmp_path / 'bin' / program.PROGRAM
    installed.parent.mkdir()
    installed.write_text('#!/bin/sh')
    installed.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [str(installed)])
    monkeypatch.setenv('PATH', str(installed.parent))
    assert program.program() == 'shufflenet-zoo'
    monkeypatch.setenv('PATH', '')
    assert program.program() == 'bin/shufflenet-zoo'
    monkeypatch.setattr(sys, 'argv', [f'{ROOT}/shufflenet_zoo/__main__.py'])
    assert program.program() == 'python -m shufflenet_zoo'
