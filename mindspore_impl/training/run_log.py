"""What a run reports: lines with the time left on the terminal and in a file, numbers in vis_data/scalars.json."""

import datetime
import json
import logging
import statistics
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.jobs.workdir import raise_errors

_DIGITS = 4
_TIMES_KEPT = 101


class RunLog:
    """The log of a run, in the files and the form of mmengine's: <work dir>/<time>/{<time>.log, vis_data/...}.

    Args:
        config: Saved beside the log.
        work_dir: The work directory.
        window_size: Iterations over which losses and times are averaged.
        is_silent: Whether nothing is written or said, as in the processes beside the main one. Default: False.
    """

    def __init__(self, config: Config, work_dir: str | Path, window_size: int = 10, is_silent: bool = False) -> None:
        self.timestamp = time.strftime('%Y%m%d_%H%M%S')
        self.folder = Path(work_dir) / self.timestamp
        self._scalars = self.folder / 'vis_data'
        self._is_silent = is_silent
        self._logger = logging.Logger('shufflenet_zoo', logging.INFO)
        if not is_silent:
            self._scalars.mkdir(parents=True, exist_ok=True)
            config.dump(str(self._scalars / 'config.py'))
            config.dump(str(Path(work_dir) / Path(config.filename).name))
            _add_handlers(self._logger, self.folder / f'{self.timestamp}.log')
        self._windows: dict[str, deque[float]] = {}
        self._window_size = window_size
        # Enough for a typical time, however long the training.
        self._times: deque[float] = deque(maxlen=_TIMES_KEPT)

    def say(self, text: str) -> None:
        """Write a line to the terminal and to the file."""
        self._logger.info(text)

    def record(self, values: Mapping[str, float]) -> None:
        """Note the values of an iteration, to be averaged; its 'time' among them."""
        self._times.append(values['time'])
        for name, value in values.items():
            self._windows.setdefault(name, deque(maxlen=self._window_size)).append(value)

    def means(self) -> dict[str, float]:
        """Return the averages of what was noted."""
        return {name: sum(window) / len(window) for name, window in self._windows.items()}

    def typical_time(self) -> float:
        """Return the median time of an iteration, in seconds; compiling makes the first ones long."""
        return statistics.median(self._times)

    def write_scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Append numbers to scalars.json and to the file of this run."""
        if self._is_silent:
            return
        line = json.dumps({**values, 'step': step}) + '\n'
        for name in (f'{self.timestamp}.json', 'scalars.json'):
            with (self._scalars / name).open('a', encoding='utf-8') as file:
                file.write(line)

    def write_results(self, values: Mapping[str, float]) -> None:
        """Write the metrics of a test."""
        if not self._is_silent:
            (self.folder / f'{self.timestamp}.json').write_text(json.dumps(dict(values)), encoding='utf-8')

    def close(self) -> None:
        """Close the file."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            handler.close()


def format_values(values: Mapping[str, float]) -> str:
    """Return 'name: value  name: value' with four decimals."""
    return '  '.join(f'{name}: {value:.{_DIGITS}f}' for name, value in values.items())


def format_time_left(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    return str(datetime.timedelta(seconds=int(seconds)))


def _add_handlers(logger: logging.Logger, path: Path) -> None:
    formatter = logging.Formatter('%(asctime)s - %(message)s', '%m/%d %H:%M:%S')
    file = logging.FileHandler(path, encoding='utf-8')
    raise_errors(file)
    for handler in (logging.StreamHandler(sys.stdout), file):
        handler.setFormatter(formatter)
        logger.addHandler(handler)
