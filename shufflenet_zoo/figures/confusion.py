"""The confusion matrix: which classes are taken for which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shufflenet_zoo.figures.style import new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Above so many classes, numbers in the cells and names beside them cannot be read.
_MOST_NUMBERS, _MOST_NAMES = 25, 60


def draw_confusion(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> 'Figure':
    """Draw how often every class was taken for every other.

    Args:
        labels: The true class of every image, int of shape (N,).
        predicted: The predicted class of every image, int of shape (N,).
        class_names: The names of all classes.
    """
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    number = len(class_names)
    side = min(2.5 + 0.4 * number, 14)
    figure, ((axes,),) = new_axes(1, 1, (side + 0.8, side))
    matrix = confusion_matrix(labels, predicted, labels=range(number))
    ConfusionMatrixDisplay(matrix, display_labels=class_names if number <= _MOST_NAMES else None).plot(
        ax=axes,
        cmap='Blues',
        include_values=number <= _MOST_NUMBERS,
        values_format='d',
        xticks_rotation='vertical' if max(map(len, class_names)) > 3 else 'horizontal',
    )
    if number > _MOST_NAMES:
        axes.set(xticks=[], yticks=[])
    right = int(np.trace(matrix))
    axes.set_title(f'{right:,} of {len(labels):,} right ({100 * right / len(labels):.2f} %)')
    axes.set(xlabel='predicted', ylabel='true')
    return figure
