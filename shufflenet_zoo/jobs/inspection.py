"""What a backend shows of a classifier and its data, without a framework."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError

_LEAST = 1e-12


@dataclass(frozen=True)
class Responses:
    """What a classifier makes of its test data.

    Attributes:
        features: What the scores are computed from, float32 of shape (N, channels).
        logits: The scores before the softmax, float32 of shape (N, classes).
        labels: The true classes, int of shape (N,).
        class_names: The name of every class, its number where it has none.
    """

    features: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]


@dataclass(frozen=True)
class AugmentedImage:
    """A training image and what becomes of it; images are uint8 of shape (height, width, 3), blue first.

    Attributes:
        label: The name of its class.
        original: The image before augmentation.
        draws: What the network is given of it, every time drawn anew.
    """

    label: str
    original: np.ndarray
    draws: Sequence[np.ndarray]


@dataclass(frozen=True)
class HeatMap:
    """Where a classifier sees a class in an image.

    Attributes:
        label: The name of the class.
        score: Its probability.
        image: The image as it enters the network, uint8 of shape (height, width, 3), blue first.
        heat: float32 of shape (height, width), from 0 to 1.
    """

    label: str
    score: float
    image: np.ndarray
    heat: np.ndarray


def weigh_activations(activations: np.ndarray, gradients: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Compute the heat map of Grad-CAM (Selvaraju et al., 2017).

    Args:
        activations: What a layer gives for one image, of shape (channels, h, w).
        gradients: The gradient of a class's score by the activations, of the same shape.
        image: The image, of shape (height, width, 3).

    Returns:
        float32 of shape (height, width), from 0 to 1; 0 everywhere where nothing speaks for the class.
    """
    weights = gradients.mean((1, 2), keepdims=True)
    heat = np.maximum((weights * activations).sum(0), 0).astype(np.float32)
    heat = cv2.resize(heat, image.shape[1::-1])
    return (heat - heat.min()) / max(float(heat.max() - heat.min()), _LEAST)


def complete_names(names: Sequence[str], number: int) -> list[str]:
    """Return the names of all classes, numbers where there are none."""
    return [names[label] if label < len(names) else str(label) for label in range(number)]


def choose_class(wanted: str | None, names: Sequence[str]) -> int | None:
    """Return the number of the class that a user names; None where none is named.

    Raises:
        ConfigError: if there is none of that name.
    """
    if wanted is None:
        return None
    if wanted not in names:
        raise ConfigError(f'--class {wanted}: the model has no such class; name one of {", ".join(names[:20])}')
    return list(names).index(wanted)


def check_stage(stage: int, stages: int) -> int:
    """Return the index of a stage of a backbone, from 0; negative ones count from the end.

    Raises:
        ConfigError: if the backbone does not have it.
    """
    if not -stages <= stage < stages:
        raise ConfigError(f'--stage {stage}: the backbone has the stages 0 to {stages - 1}')
    return stage % stages


def spread(number: int, length: int) -> list[int]:
    """Return so many indices of a list, spread over all of it; all of them where it is shorter."""
    return sorted({index * length // number for index in range(number)})


def is_classifier(config: Config) -> bool:
    """Whether a config describes a classifier."""
    return str((config.get('model') or {}).get('type')).endswith('Classifier')


def require_classifier(config: Config) -> None:
    """Check that a config describes a classifier.

    Raises:
        ConfigError: if it does not.
    """
    if not is_classifier(config):
        kind = str((config.get('model') or {}).get('type'))
        raise ConfigError(f'{config.filename}: model.type={kind!r} is no classifier; the figure shows classes')
