"""What every command line shares: errors become one line on standard error and exit status 2, signals 130 or 143."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from shufflenet_zoo.errors import ShuffleNetZooError
from shufflenet_zoo.jobs.interruption import Interruption, heeding_signals

_DEBUG = '--debug'


class Parser(argparse.ArgumentParser):
    """A parser of a command line, with the option that every command has.

    Args: those of argparse's ArgumentParser.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument(_DEBUG, action='store_true', help='show where in the program an error arose')


def run(main: Callable[[], None]) -> None:
    """Run a tool's main function; end the process with status 2 on an error the user can mend, or as a signal asks."""
    try:
        with heeding_signals():
            main()
    except Interruption as stop:
        if str(stop):
            print(stop, file=sys.stderr)
        sys.exit(stop.status)
    except ShuffleNetZooError as error:
        if _DEBUG in sys.argv:
            traceback.print_exc()
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader, such as head, has seen enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
