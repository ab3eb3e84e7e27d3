"""Predictions as one picture: every image below the class found and above the chances of the best classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_zoo.errors import DataError
from shufflenet_zoo.figures.style import COLOURS, new_axes, show_image
from shufflenet_zoo.jobs.predictions import Prediction, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More would make a picture that nothing shows.
_MOST = 200
_COLUMNS = 10
_BARS = 3
# Width in inches of a tile, and half of its height: of an image and of the bars below it.
_TILE = (1.3, 0.955)


def draw_grid(predictions: Sequence[Prediction], path: str) -> 'Figure':
    """Draw all images, ten in a row; those with boxes as they are, with the boxes in them.

    Args:
        predictions: What was found.
        path: Where the picture goes, named in the error.

    Raises:
        DataError: if they are too many to be seen.
    """
    if len(predictions) > _MOST:
        raise DataError(
            f'--out {path}: one picture shows at most {_MOST} images, and there are {len(predictions)}; '
            f'name a folder, or fewer images'
        )
    columns = min(len(predictions), _COLUMNS)
    rows = -(-len(predictions) // columns)
    figure, grid = new_axes(2 * rows, columns, _TILE, height_ratios=[3, 1] * rows)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, prediction in enumerate(predictions):
        row, column = divmod(number, columns)
        _draw_tile(prediction, grid[2 * row, column], grid[2 * row + 1, column])
    return figure


def _draw_tile(prediction: Prediction, picture: 'Axes', bars: 'Axes') -> None:
    whole = [found for found in prediction.findings if not found.box]
    show_image(picture, prediction.image if whole else draw(prediction))
    if not whole:
        return
    picture.set_title(whole[0].label, fontsize=11, color=COLOURS[0])
    for place, found in enumerate(whole[:_BARS]):
        bars.barh(-place, found.score, color=COLOURS[0])
        bars.text(-0.05, -place, found.label, fontsize=7, ha='right', va='center')
        bars.text(found.score + 0.05, -place, f'{found.score:.0%}', fontsize=7, ha='left', va='center')
    bars.set(xlim=(-0.3, 1.5), ylim=(0.5 - _BARS, 0.5))
