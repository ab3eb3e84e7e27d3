"""What every figure shares: its size and colours, and that its file appears whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import ArgumentError, DataError, DependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIX = '.png'
# Told apart by colour-blind people too; the first is what a figure is about.
COLOURS = ('#1b6ca8', '#d1661f', '#3d7a1f', '#8a4b9b', '#8a8a8a', '#b3261e')
_DPI = 110
_SETTINGS = {
    'font.size': 9,
    'axes.titlesize': 10,
    'axes.spines.top': False,
    'axes.spines.right': False,
}


def new_axes(
    rows: int, columns: int, size: tuple[float, float], height_ratios: Sequence[float] | None = None
) -> tuple['Figure', np.ndarray]:
    """Return a figure with a grid of axes.

    Args:
        rows: Rows of axes.
        columns: Columns of axes.
        size: Width and height of one of them in inches.
        height_ratios: Heights of the rows, relative to each other. Default: None, all are alike.

    Returns:
        The figure, and its axes as an array of shape (rows, columns).

    Raises:
        DependencyError: if matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError('figures need matplotlib: install it with `pip install matplotlib`') from error
    with rc_context(_SETTINGS):
        # Not pyplot's: it needs no display and touches no state of the caller's.
        figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout='constrained')
        return figure, figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)


def show_image(axes: 'Axes', image: np.ndarray) -> None:
    """Show an image of shape (height, width, 3), uint8, blue first, without ticks."""
    axes.imshow(image[..., ::-1], interpolation='nearest')
    axes.set_axis_off()


def check_path(path: str | Path) -> Path:
    """Return the path of a figure; check it before anything is computed.

    Raises:
        ArgumentError: if it does not end with .png.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise ArgumentError(f'figures are written as PNG: name a file such as {path.with_suffix(SUFFIX)}, not {path}')
    return path


def save_figure(figure: 'Figure', path: str | Path) -> None:
    """Save a figure as PNG.

    Args:
        figure: The figure.
        path: The file, which appears complete or not at all; its folder is made.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with replacing(path) as draft:
            figure.savefig(draft, format='png', dpi=_DPI, facecolor='white')
    except OSError as error:
        raise DataError(f'figure {path} cannot be written: {error.strerror}') from error


def write_figure(figure: 'Figure', path: str | Path) -> None:
    """Save a figure as ``save_figure`` does, and say so."""
    save_figure(figure, path)
    print(f'written: {path}')
