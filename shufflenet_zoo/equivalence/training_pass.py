"""What one iteration computes before the weights change."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingPass:
    """Forward and backward pass of a batch in training mode.

    Attributes:
        loss: The cross-entropy.
        features: Features of every stage and the logits.
        gradients: The loss's gradients by canonical names of the trained parameters.
        image_gradient: Its gradient by the images.
    """

    loss: float
    features: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]
    image_gradient: np.ndarray
