"""Signals that end a command: at once, or where a training has saved what it has done."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

# The name, without suffix, of the checkpoint that a training saves when it is stopped; the next one replaces it.
STEM = 'interrupted'
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds within which signals are one request: `timeout` sends it to a process, then to the group that it is in.
_ONE_REQUEST = 1.0


class Interruption(KeyboardInterrupt):
    """A signal has ended the command.

    It is a KeyboardInterrupt, so that nothing takes it for an error and data workers end without a word.

    Args:
        signum: The signal.
        message: One line for the user. Default: None, which signal it was; empty: none.

    Attributes:
        status: The exit status of a command that a signal ended, as shells count it.
    """

    def __init__(self, signum: int, message: str | None = None) -> None:
        super().__init__(f'stopped by {signal.Signals(signum).name}' if message is None else message)
        self.status = 128 + signum


class SignalRequest:
    """What the signals ask for; a handler of them.

    Attributes:
        signum: The signal that asks to stop, 0 for none.
        is_deferred: Whether a first signal waits for the command to ask for it; a later one never does.
    """

    def __init__(self) -> None:
        self.signum = 0
        self.is_deferred = False
        self._since = -math.inf

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._since < _ONE_REQUEST:
            return
        self._since = now
        if self.signum or not self.is_deferred:
            raise Interruption(signum)
        self.signum = signum


@contextmanager
def heeding_signals() -> Iterator[SignalRequest]:
    """Let SIGTERM and Ctrl-C raise an Interruption, or wait where the request is deferred."""
    request = SignalRequest()
    before = {number: signal.signal(number, request) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def outlive_sigterm() -> None:
    """Let a data worker end when the process that started it says so, and of no other SIGTERM.

    `timeout` and Slurm signal every process of a training. Workers that die of it take with them a training that is
    about to save its moment.
    """
    if hasattr(signal, 'sigwaitinfo'):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_end_as_parent_says, daemon=True).start()


def _end_as_parent_says() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)


def stopped_at(signum: int, iteration: int, checkpoint: str | Path | None) -> Interruption:
    """Return what ends a training that has saved its moment.

    Args:
        signum: The signal.
        iteration: Iterations done.
        checkpoint: What was saved; None in processes that leave saying so to the main one.
    """
    if checkpoint is None:
        return Interruption(signum, '')
    name = signal.Signals(signum).name
    return Interruption(
        signum, f'stopped by {name} at iteration {iteration}: the checkpoint is {checkpoint}; go on with --resume'
    )
