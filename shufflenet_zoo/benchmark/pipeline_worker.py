"""The process that measures one pipeline; started by ``pipeline`` with its orders on standard input."""

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import cv2

# What a stage is called, what does it once for every image, and what there is to say of it.
Stages = Iterator[tuple[str, Callable[[], object], str]]
_MIN_ROUNDS = 3


def _seconds_of(run: Callable[[], object], seconds: float) -> float:
    """Return the median time of a run."""
    run()
    times: list[float] = []
    while len(times) < _MIN_ROUNDS or sum(times) < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Follow the orders."""
    orders = json.load(sys.stdin)
    # What frameworks print must not mix with the answer.
    answer = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    cv2.setNumThreads(1)
    module = importlib.import_module(f'shufflenet_zoo.benchmark.{orders["worker"]}_stages')
    count = len(orders['paths'])
    found = {
        name: {'seconds': _seconds_of(run, orders['seconds']) / count, 'note': note}
        for name, run, note in module.stages(orders)
    }
    json.dump(found, answer)
    answer.close()
    # Without the interpreter's farewell, in which MindSpore complains.
    os._exit(0)


if __name__ == '__main__':
    main()
