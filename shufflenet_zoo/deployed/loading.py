"""Exported files by their suffixes."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from shufflenet_zoo.deployed.classifier import Classifier
from shufflenet_zoo.deployed.detector import Detector
from shufflenet_zoo.deployed.metadata import DetectorMetadata, Loaded, Metadata, read_metadata
from shufflenet_zoo.deployed.runtimes import RUNTIMES, Outputs, runtime_of
from shufflenet_zoo.deployed.seals import check_seal
from shufflenet_zoo.deployed.trial import survive
from shufflenet_zoo.errors import DataError, DependencyError


def is_exported(path: str | os.PathLike) -> bool:
    """Whether a file is called as those that ``load`` takes."""
    return Path(path).name.endswith(tuple(RUNTIMES))


def load(path: str | os.PathLike, threads: int | None = None) -> Classifier | Detector:
    """Load a file that tools/export.py wrote.

    Args:
        path: The file; what belongs to it, such as OpenVINO's .bin, lies beside it.
        threads: Threads that the runtime computes on. Default: None, all cores.

    Raises:
        DataError: if it is missing, of a format that needs a framework, damaged, or holds no metadata.
        DependencyError: if the runtime of its format is not installed.
    """
    path = Path(path)
    runtime = runtime_of(path)
    if runtime is None:
        raise DataError(f'{path} is called otherwise than files that run without a framework: *{", *".join(RUNTIMES)}')
    if not path.is_file():
        raise DataError(f'{path} does not exist; tools/export.py writes such files')
    loaded, metadata = load_described(lambda: runtime.load(path, threads), path, f'pip install {runtime.package}')
    return (Detector if isinstance(metadata, DetectorMetadata) else Classifier)(loaded, metadata)


def load_described(load: Callable[[], Loaded], path: Path, installation: str) -> tuple[Loaded, Metadata]:
    """Load a file with what it says about itself; one that is not what was exported no engine gets to see.

    Args:
        load: Loads it.
        path: The file, for errors.
        installation: The command that installs what loads it.

    Raises:
        DataError: if it is damaged, or holds no metadata or a value that is none of its kind.
        DependencyError: if what loads it is not installed.
    """
    try:
        check_seal(path)
        runtime = runtime_of(path)
        if runtime is not None and runtime.crashes:
            survive(path)
        loaded = load()
        metadata = read_metadata(loaded.texts)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f'{path} is run by the package {error.name!r}, which is not installed; install it with {installation}'
        ) from error
    except KeyError as error:
        raise DataError(f'{path} does not say {error}, as files of tools/export.py do; export it again') from error
    except DataError:
        raise
    except Exception as error:  # the runtimes raise what they like
        raise DataError(f'{path} cannot be loaded: {str(error).strip() or type(error).__name__}') from error
    return (loaded if loaded.run is None else replace(loaded, run=_refusing(loaded.run, path))), metadata


def _refusing(run: Callable[[np.ndarray], Outputs], path: Path) -> Callable[[np.ndarray], Outputs]:
    """Give a run one class of errors."""

    def run_or_refuse(images: np.ndarray) -> Outputs:
        try:
            return run(images)
        except Exception as error:  # the runtimes raise what they like
            raise DataError(
                f'{path} cannot be run on {np.shape(images)}: {str(error).strip() or type(error).__name__}'
            ) from error

    return run_or_refuse
