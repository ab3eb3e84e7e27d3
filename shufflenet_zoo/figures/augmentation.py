"""Training images before and after augmentation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_zoo.figures.style import new_axes, show_image
from shufflenet_zoo.jobs.inspection import AugmentedImage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 1.4


def draw_augmented(samples: Sequence[AugmentedImage]) -> 'Figure':
    """Draw a row for every image: as it is, then what the network is given of it, every time drawn anew."""
    figure, grid = new_axes(len(samples), 1 + len(samples[0].draws), (_SIDE, _SIDE))
    for row, sample in zip(grid, samples, strict=True):
        for axes, image in zip(row, (sample.original, *sample.draws), strict=True):
            show_image(axes, image)
        row[0].set_title(sample.label, fontsize=8, loc='left')
    for number, axes in enumerate(grid[0][1:], 1):
        axes.set_title(str(number), fontsize=8, color='grey')
    return figure
