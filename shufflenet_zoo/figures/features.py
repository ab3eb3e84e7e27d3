"""The features of images in the plane, by t-SNE."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shufflenet_zoo.errors import DataError
from shufflenet_zoo.figures.style import new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The colours of the map are as many.
MOST_CLASSES = 20
_SIZE = (7.0, 6.0)
_PERPLEXITY = 30.0


def draw_features(
    features: np.ndarray, labels: np.ndarray, class_names: Sequence[str], per_class: int = 100
) -> 'Figure':
    """Draw features as points of a plane in which near ones stay near; of the first 20 classes, some images each.

    Args:
        features: float32 of shape (N, channels).
        labels: The class of every image, int of shape (N,).
        class_names: The names of all classes.
        per_class: How many images of a class are drawn, the first ones. Default: 100.

    Raises:
        DataError: if there are fewer than four images.
    """
    from sklearn.manifold import TSNE

    shown = [label for label in np.unique(labels) if label < MOST_CLASSES]
    chosen = np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in shown]) if shown else []
    if len(chosen) < 4:
        raise DataError(f't-SNE needs at least 4 images of the first {MOST_CLASSES} classes, got {len(chosen)}')
    # Each point must have more neighbours than the perplexity, some three times as many.
    reduction = TSNE(perplexity=min(_PERPLEXITY, (len(chosen) - 1) / 3), init='pca', random_state=0)
    points = reduction.fit_transform(features[chosen])
    figure, ((axes,),) = new_axes(1, 1, _SIZE)
    for label in shown:
        mine = points[labels[chosen] == label]
        axes.scatter(*mine.T, s=10, color=f'C{label}' if len(shown) <= 10 else None, label=class_names[label])
    axes.set_axis_off()
    axes.set_title(f't-SNE of {len(chosen):,} images, {features.shape[1]} features each')
    axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), markerscale=2, frameon=False)
    return figure
