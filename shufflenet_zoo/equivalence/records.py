"""The files that a comparison leaves: every number as JSON, and the report for people."""

import json
import math
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.equivalence.verification import Verification
from shufflenet_zoo.errors import ArgumentError, DependencyError

REPORT_NAME = 'equivalence.html'
_PACKAGES = ('torch', 'mindspore', 'mmpretrain', 'numpy')


class Destinations:
    """Where the results go; checked before hours of work, written at the end, whole or not at all.

    Args:
        report: Folder for the report. Default: None, no report.
        json_file: File for the numbers. Default: None, none.

    Raises:
        ArgumentError: if one cannot be written.
        DependencyError: if the report's plots cannot be drawn.
    """

    def __init__(self, report: str | None, json_file: str | None) -> None:
        self._report = Path(report) / REPORT_NAME if report else None
        self._json = Path(json_file) if json_file else None
        if self._report:
            _check_folder('--report', Path(report))
            if find_spec('matplotlib') is None:
                raise DependencyError('the report needs matplotlib: install it with `pip install matplotlib`')
        if self._json:
            if self._json.is_dir():
                raise ArgumentError(f'--json {json_file}: is a folder; give the name of a file')
            _check_folder('--json', self._json.parent)

    def write(self, found: Verification) -> list[Path]:
        """Write what was asked for; return the files."""
        written = []
        if self._json:
            with replacing(self._json) as draft:
                draft.write_text(json.dumps(as_data(found), indent=1, allow_nan=False), encoding='utf-8')
            written.append(self._json)
        if self._report:
            from shufflenet_zoo.equivalence.report import render

            with replacing(self._report) as draft:
                draft.write_text(render(found, as_data(found)), encoding='utf-8')
            written.append(self._report)
        return written


def as_data(found: Verification) -> dict[str, Any]:
    """Return all results as plain data; numbers that JSON does not have become texts."""
    return {
        'verdict': 'different' if found.exceeded else 'equivalent',
        'mutation': found.mutation,
        'measured': len(found.measurements),
        'exceeded': len(found.exceeded),
        'seconds': round(found.seconds, 1),
        'environment': environment(),
        'notes': found.notes,
        'measurements': [
            {
                'network': one.network,
                'check': one.check,
                'case': one.case,
                'item': one.item,
                'difference': _number(one.difference),
                'bound': _number(one.bound),
                'noise_floor': None if one.floor is None else _number(one.floor),
                'passed': one.passed,
            }
            for one in found.measurements
        ],
        'curves': [
            {'network': name, 'name': curve.name, 'values': [_number(value) for value in curve.values]}
            for name, outcome in found.outcomes
            for curve in outcome.curves
        ],
    }


def environment() -> dict[str, str]:
    """Return the versions that the results hold for."""
    return {
        'python': platform.python_version(),
        'machine': platform.machine(),
        **{package: version(package) for package in _PACKAGES},
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _check_folder(option: str, folder: Path) -> None:
    """Check that a folder exists, or can be made, and takes files."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise ArgumentError(f'{option}: {existing} is not a folder')
    if not os.access(existing, os.W_OK):
        raise ArgumentError(f'{option}: nothing may be written into {existing}')
