"""What every command line shares: errors become one line on standard error and exit status 2, signals 130 or 143."""

import os
import sys
from collections.abc import Callable

from shufflenet_zoo.errors import ShuffleNetZooError
from shufflenet_zoo.jobs.interruption import Interruption, heeding_signals


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
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader, such as head, has seen enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
