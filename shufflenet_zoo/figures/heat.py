"""Where in an image a class was seen: the image, and the image under its heat map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_zoo.errors import DataError
from shufflenet_zoo.figures.style import new_axes, show_image
from shufflenet_zoo.jobs.inspection import HeatMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 1.8
_PAIRS = 4
_OPACITY = 0.55
# More would make a picture that nothing shows.
_MOST = 100


def draw_heat_maps(maps: Sequence[HeatMap]) -> 'Figure':
    """Draw every image beside its heat map, four pairs in a row.

    Raises:
        DataError: if they are too many to be seen.
    """
    if len(maps) > _MOST:
        raise DataError(f'a figure shows at most {_MOST} images, got {len(maps)}; name fewer')
    columns = min(_PAIRS, len(maps))
    figure, grid = new_axes(-(-len(maps) // columns), 2 * columns, (_SIDE, _SIDE))
    for axes in grid.flat:
        axes.set_axis_off()
    for plain, hot, found in zip(grid.flat[::2], grid.flat[1::2], maps, strict=False):
        show_image(plain, found.image)
        show_image(hot, found.image)
        hot.imshow(found.heat, cmap='inferno', vmin=0, vmax=1, alpha=_OPACITY)
        hot.set_title(f'{found.label[:18]} {100 * found.score:.0f} %', fontsize=8)
    return figure
