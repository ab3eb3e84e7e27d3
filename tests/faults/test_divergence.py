"""A training whose numbers are no longer finite stops."""

import re

import pytest
from helpers.faults import DIVERGES, command, run, torchrun, write_job
from helpers.refusals import assert_refused

from shufflenet_zoo.jobs.workdir import latest_checkpoint
from shufflenet_zoo.weights.files import read_content
from shufflenet_zoo.weights.values import fault_of


@pytest.mark.parametrize('backend', ['torch', pytest.param('mindspore', marks=pytest.mark.faults)])
def test_stops_at_the_step_and_keeps_the_last_good_checkpoint(tmp_path, backend):
    config = write_job(tmp_path, DIVERGES)
    status, output, errors = run(*command('train', config, '--work-dir', 'work', backend=backend), cwd=tmp_path)
    assert_refused(status, errors, 'nan', 'learning rate 1e+30', 'last good checkpoint is', 'epoch_1.')
    assert re.search(r' at iteration 2[5-8],', errors), errors
    assert 'done:' not in output
    last = latest_checkpoint(tmp_path / 'work')
    assert last.stem == 'epoch_1'
    assert not any(fault_of(name, array) for name, array in read_content(last).tensors.items())
    assert not list((tmp_path / 'work').glob('epoch_2*'))


@pytest.mark.faults
def test_all_processes_stop_and_one_says_why(tmp_path):
    train = command('train', write_job(tmp_path, DIVERGES), '--work-dir', 'work', '--launcher', 'pytorch')
    _, _, errors = run(*torchrun(), *train[1:], cwd=tmp_path)
    assert errors.count('error: the loss is nan at iteration ') == 1, errors
    assert latest_checkpoint(tmp_path / 'work').stem == 'epoch_1'
