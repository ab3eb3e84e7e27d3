"""How a training takes its memory from the system."""

import ctypes
import os
import platform

# Of glibc's malloc.h: what mallopt sets, and the variables by which a user has set it.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_VARIABLES = ('MALLOC_TRIM_THRESHOLD_', 'MALLOC_TOP_PAD_', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_MMAP_MAX_')
_NEVER, _GIBIBYTE = -1, 2**30


def keep_freed_memory() -> bool:
    """Let glibc keep what this process frees, rather than give its pages back and ask for them in every iteration.

    The feature maps of a batch on the CPU are of 10 MB and more, for which glibc asks the system anew each time, which
    fills every page with zeros first. A user's own settings stay.

    Returns:
        Whether it is so now; elsewhere than with glibc, or where the environment sets malloc, nothing changes.
    """
    chosen = any(name in os.environ for name in _VARIABLES) or 'glibc.malloc' in os.environ.get('GLIBC_TUNABLES', '')
    if chosen or platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Older releases take no threshold above 32 MiB.
    return bool(
        mallopt(_M_TRIM_THRESHOLD, _NEVER) and (mallopt(_M_MMAP_THRESHOLD, _GIBIBYTE) or mallopt(_M_MMAP_MAX, 0))
    )
