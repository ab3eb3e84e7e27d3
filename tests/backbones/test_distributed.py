"""Gradient checkpointing under DistributedDataParallel, two processes over gloo."""

import socket
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from helpers.ddp_step import train_steps
from helpers.networks import V1, V2

FAMILIES = {'v1': V1, 'v2': V2}


@pytest.mark.slow
@pytest.mark.parametrize('family', FAMILIES)
def test_checkpointing_under_ddp(family, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parents[1]))
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.spawn(train_steps, (port, FAMILIES[family], str(tmp_path)), nprocs=2)
    results = torch.load(tmp_path / 'results.pth', weights_only=True)
    plain, checkpointed = results['False'], results['True']
    assert plain.keys() == checkpointed.keys()
    for name, tensor in plain.items():
        assert torch.equal(tensor, checkpointed[name]), name
