"""The course of trainings: loss, learning rate and metrics, from the numbers that both backends leave behind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_zoo.errors import DataError
from shufflenet_zoo.figures.style import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Where mmengine and our MindSpore trainer write their numbers, one folder for every start.
_SCALARS = '*/vis_data/scalars.json'
_LOSS, _RATE, _VALIDATION_LOSS = 'loss', 'lr', 'val_loss'
# What validations report beside metrics.
_NO_METRICS = ('step', 'time', 'data_time', _VALIDATION_LOSS)
_SIZE = (4.2, 3.0)

# Values by iteration.
Curve = dict[int, float]


@dataclass(frozen=True)
class Course:
    """The numbers of one training, by iteration.

    Attributes:
        name: What it is called.
        loss: The loss.
        rate: The learning rate.
        validation_loss: The loss of validations; empty where none was noted.
        metrics: The metrics of validations, by name.
    """

    name: str
    loss: Curve
    rate: Curve
    validation_loss: Curve
    metrics: Mapping[str, Curve]


def read_course(work_dir: str | Path) -> Course:
    """Read what a training noted in its work directory; a resumed one goes on where it was resumed.

    Args:
        work_dir: The work directory.

    Raises:
        DataError: if there are no numbers of a training in it, or they are damaged.
    """
    files = sorted(Path(work_dir).glob(_SCALARS))
    if not files:
        raise DataError(f'{work_dir} holds no {_SCALARS}; name the work directory of a training')
    curves: dict[str, Curve] = {}
    for path in files:
        _continue_curves(curves, path)
    named = {name: curves.pop(name, {}) for name in (_LOSS, _RATE, _VALIDATION_LOSS)}
    if not named[_LOSS]:
        raise DataError(f'{work_dir}: no loss was noted; the training ended before its first report')
    return Course(Path(work_dir).name, named[_LOSS], named[_RATE], named[_VALIDATION_LOSS], curves)


def _continue_curves(curves: dict[str, Curve], path: Path) -> None:
    """Add the numbers of one start; what was noted from its first iteration on is outdated."""
    iteration = None
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        try:
            values = json.loads(line)
            step = int(values['step'])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f'{path}: line {number} is damaged; the training would write it anew') from error
        trains = _LOSS in values
        if trains:
            if iteration is None:
                for curve in curves.values():
                    for outdated in [old for old in curve if old >= step]:
                        del curve[outdated]
            iteration = step
            found = {name: values[name] for name in (_LOSS, _RATE) if name in values}
        else:
            found = {
                name: value
                for name, value in values.items()
                if name == _VALIDATION_LOSS or (name not in _NO_METRICS and isinstance(value, (int, float)))
            }
        for name, value in found.items():
            # Validations count epochs; they belong to the iterations reported before them.
            curves.setdefault(name, {})[iteration or 0] = value


def draw_courses(courses: Sequence[Course]) -> 'Figure':
    """Draw loss, learning rate and metrics of one training, or of several to be compared."""
    figure, ((losses, rates, metrics),) = new_axes(1, 3, _SIZE)
    several = len(courses) > 1
    number = 0
    for i, course in enumerate(courses):
        colour = COLOURS[i % len(COLOURS)]
        _plot(losses, course.loss, colour, course.name if several else 'training')
        if course.validation_loss:
            _plot(
                losses, course.validation_loss, colour, f'{course.name}, validation' if several else 'validation', 'o'
            )
        _plot(rates, course.rate, colour, course.name if several else None)
        for name, curve in course.metrics.items():
            label = f'{course.name}: {name}' if several else name
            _plot(metrics, curve, COLOURS[number % len(COLOURS)], label, 'o')
            number += 1
    for axes, title in ((losses, 'loss'), (rates, 'learning rate'), (metrics, 'validation')):
        axes.set_title(title)
        axes.set_xlabel('iteration')
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, frameon=False)
    if not number:
        metrics.text(0.5, 0.5, 'no validation', ha='center', va='center', transform=metrics.transAxes)
    return figure


def _plot(axes: 'Axes', curve: Curve, colour: str, label: str | None, marker: str = '') -> None:
    steps = sorted(curve)
    axes.plot(
        steps,
        [curve[step] for step in steps],
        color=colour,
        label=label,
        marker=marker,
        markersize=3,
        linewidth=1.2,
        linestyle='--' if marker else '-',
    )
