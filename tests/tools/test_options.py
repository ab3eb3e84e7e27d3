"""Options that several commands have."""

import argparse
import os

from shufflenet_zoo.commands.options import add_trust
from shufflenet_zoo.weights.download import TRUST


def test_trust_holds_for_the_process(monkeypatch):
    monkeypatch.setenv(TRUST, '0')
    parser = argparse.ArgumentParser()
    add_trust(parser)
    parser.parse_args([])
    assert os.environ[TRUST] == '0'
    parser.parse_args(['--trust'])
    assert os.environ[TRUST] == '1'
