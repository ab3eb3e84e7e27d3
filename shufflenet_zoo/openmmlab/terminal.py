"""What of mmengine's log reaches the terminal: progress, results and warnings; the log file has everything."""

import logging
import warnings
from pathlib import Path

from mmengine.logging import MMLogger

from shufflenet_zoo.jobs.workdir import raise_errors

# Where messages come from that a user waits for, by module and function (None: every function).
_SHOWN = {
    'logger_hook': None,
    'checkpoint_hook': ('_save_best_checkpoint',),
    'runner': ('introduce', 'load_or_resume', 'resume', 'load_checkpoint', 'scale_lr'),
}
# Messages that no user can act on: mmengine about its own parts.
_NEVER_SHOWN = (
    'Exp name:',
    'Failed to search registry with scope',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)


class _ProgressFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.getMessage().startswith(_NEVER_SHOWN):
            return False
        functions = _SHOWN.get(Path(record.pathname).stem, ())
        return record.levelno >= logging.WARNING or functions is None or record.funcName in functions


def quieten(logger: MMLogger) -> None:
    """Keep environment, config and initialisation reports of a runner's logger off the terminal, and its own faults."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            raise_errors(handler)
        elif isinstance(handler, logging.StreamHandler):
            handler.addFilter(_ProgressFilter())


def silence_known_warnings() -> None:
    """Hide the warnings of the pinned OpenMMLab releases about their own parts; they are not the user's to mend."""
    for category in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
        warnings.filterwarnings('ignore', category=category)
    for message in (
        '.*pkg_resources',
        'Distutils was imported before Setuptools|Setuptools is replacing distutils',  # torch's compiler
        "Only use 'alpha' for pillow backend",
        'Fail to import ``MultiScaleDeformableAttention``',  # mmcv-lite, of which no network of ours takes it
        'Setting (OMP|MKL)_NUM_THREADS environment variable',  # what mmengine does for every one of several processes
        'Grad strides do not match bucket view strides',  # of convolutions in channels-last memory
    ):
        warnings.filterwarnings('ignore', message=message)
    # That there is no GPU, to whoever compiles for the CPU.
    logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)
