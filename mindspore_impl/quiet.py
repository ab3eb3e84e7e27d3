"""Keeps MindSpore's reports about its processes from the terminal."""

import os


def quieten_processes() -> None:
    """Let the processes of msrun tell errors alone, unless the user has set GLOG_v.

    Otherwise each of them tells in twenty lines of warnings how they found each other. The variable is read when
    mindspore is imported, so this must run before.
    """
    if 'MS_ROLE' in os.environ:
        os.environ.setdefault('GLOG_v', '3')
