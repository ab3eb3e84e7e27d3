"""Signals as requests to stop."""

import signal

import pytest

from shufflenet_zoo.jobs import interruption
from shufflenet_zoo.jobs.interruption import Interruption, SignalRequest


@pytest.fixture
def at(monkeypatch):
    """Set the time, in seconds."""
    return lambda seconds: monkeypatch.setattr(interruption.time, 'monotonic', lambda: seconds)


def test_a_signal_sent_twice_at_once_is_one_request(at):
    request = SignalRequest()
    request.is_deferred = True
    at(100.0)
    request(signal.SIGTERM, None)
    at(100.1)
    request(signal.SIGTERM, None)
    assert request.signum == signal.SIGTERM
    at(101.05)  # a second after the first, not after the last: whoever goes on asking is heard
    with pytest.raises(Interruption, match='stopped by SIGTERM'):
        request(signal.SIGTERM, None)


def test_what_clears_up_after_a_signal_is_left_alone_by_its_repetition(at):
    request = SignalRequest()
    at(100.0)
    with pytest.raises(Interruption, match='stopped by SIGINT'):
        request(signal.SIGINT, None)
    at(100.1)
    request(signal.SIGINT, None)
