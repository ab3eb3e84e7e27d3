"""The errors this project raises: one line that says what was wrong, where, and what would be right."""

import difflib
from collections.abc import Iterable, Sequence

# How many names of tensors, files or classes an error lists.
_NAMES_SHOWN = 3


class ShuffleNetZooError(Exception):
    """Base of every error that the user can mend; the command lines print it and exit with status 2."""

    def __init__(self, message: str) -> None:
        # What it quotes of the user's, such as an array, may have several lines.
        super().__init__(' '.join(line.strip() for line in message.splitlines()))


class ArgumentError(ShuffleNetZooError, ValueError, AssertionError):
    """An argument of a network has a value that cannot be built.

    It is also a ValueError and an AssertionError because mmpretrain's classes raise those, and code
    that catches them must go on working.
    """


class ConfigError(ShuffleNetZooError):
    """A config file is missing, unreadable, or asks for something that does not exist."""


class CheckpointError(ShuffleNetZooError):
    """A weight file is missing, damaged, or belongs to another network."""


class DataError(ShuffleNetZooError):
    """A data set is missing, damaged, or does not fit the config."""


class TrainingError(ShuffleNetZooError):
    """A training cannot go on: its loss or its weights are not finite."""


class WorkDirError(ShuffleNetZooError):
    """A work directory cannot be written, has gone, or belongs to another run."""


class DependencyError(ShuffleNetZooError):
    """A package that this command needs is not installed."""


class ExportError(ShuffleNetZooError):
    """An exported file could not be written, or computes something else than the model."""


class BenchmarkError(ShuffleNetZooError):
    """An engine could not be measured."""


class VerificationError(ShuffleNetZooError):
    """The comparison of the frameworks could not be brought to its end."""


def first_names(names: Sequence[str]) -> str:
    """Return the first few of many names, for the text of an error."""
    return ', '.join(names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' with the known names nearest to a wrong one, nothing where none is near."""
    near = difflib.get_close_matches(name, list(known), n=_NAMES_SHOWN)
    return f'; did you mean {" or ".join(map(repr, near))}?' if near else ''
