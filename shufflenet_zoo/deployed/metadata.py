"""What an exported file says about itself, and the file once it is loaded. Without a framework."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from shufflenet_zoo.deployed.decoding import Decoding
from shufflenet_zoo.deployed.seals import UNSEALED

INPUT_NAME, OUTPUT_NAME = 'images', 'logits'
# By OpenVINO's names, whose files alone can ask for one.
PRECISION_HINTS = ('f32', 'bf16')
DETECTOR_OUTPUTS = ('boxes', 'scores', 'labels')
# Of a detector without decoding: (1, priors, classes) and (1, priors, 4).
HEAD_OUTPUTS = ('class_outputs', 'box_codes')
# Pixels along a side, beyond which no image that a file asks for can be meant.
_LARGEST = 2**14


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and 0 < value <= _LARGEST


def _is_size(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_side, value))


def _are_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, (int, float)) and math.isfinite(one) for one in value)


# What every value must be: a file may say anything.
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    'mean': (_are_numbers, 'numbers'),
    'std': (lambda value: _are_numbers(value) and 0 not in value, 'numbers other than 0'),
    'channel_order': (lambda value: value in ('rgb', 'bgr'), "'rgb' or 'bgr'"),
    'input_size': (_is_size, f'height and width of at most {_LARGEST}'),
    'class_names': (
        lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value),
        'a list of texts',
    ),
    'short_side': (lambda value: value is None or _is_side(value), f'a length of at most {_LARGEST}'),
    'crop_size': (lambda value: value is None or _is_size(value), f'height and width of at most {_LARGEST}'),
    'interpolation': (lambda value: isinstance(value, str), 'a text'),
    'resize_backend': (lambda value: value in ('cv2', 'pillow'), "'cv2' or 'pillow'"),
    'other_step': (lambda value: value is None or isinstance(value, str), 'a text'),
    'dynamic': (lambda value: isinstance(value, bool), 'true or false'),
    'precision_hint': (lambda value: value in (None, *PRECISION_HINTS), f'one of {", ".join(PRECISION_HINTS)}'),
    'keep_ratio': (lambda value: isinstance(value, bool), 'true or false'),
    'padding': (
        lambda value: value is None or (isinstance(value, (int, float)) and 0 <= value <= 255),
        'from 0 to 255',
    ),
}


@dataclass(frozen=True)
class Metadata:
    """How images are prepared for an exported model, and what its outputs mean.

    Attributes:
        mean: Subtracted from every channel, in grey levels from 0 to 255, in channel_order.
        std: Then divides every channel.
        channel_order: 'rgb' or 'bgr'.
        input_size: Height and width of the images that the config's test pipeline gives, or that were asked for.
        class_names: Names of the classes, empty where neither checkpoint nor data set has them.
        short_side: Length that the shorter side is resized to first, in proportion. Default: None, not resized.
        crop_size: Height and width of the middle that is cut out then. Default: None, not cut.
        interpolation: How it is resized, by mmcv's name. Default: 'bilinear'.
        resize_backend: By whose rule, 'cv2' (default) or 'pillow', which smooths when it shrinks.
        other_step: The first step of the test pipeline that is none of these. Default: None, there is no other.
        dynamic: Whether the file takes any batch and image size. Default: False.
        precision_hint: What the runtime is to compute in, of PRECISION_HINTS. Default: None, float32.

    Raises:
        ValueError: if a value is none of its kind.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_order: str
    input_size: tuple[int, int]
    class_names: tuple[str, ...]
    short_side: int | None = None
    crop_size: tuple[int, int] | None = None
    interpolation: str = 'bilinear'
    resize_backend: str = 'cv2'
    other_step: str | None = None
    dynamic: bool = False
    precision_hint: str | None = None

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            holds, words = _RULES.get(name, (lambda _: True, ''))
            value = getattr(self, name)
            if not holds(value):
                raise ValueError(f'{name}={value!r} must be {words}')

    def as_texts(self) -> dict[str, str]:
        """Return every value as JSON, for files that hold texts, and the place of a digest."""
        return {key: json.dumps(value) for key, value in (asdict(self) | {'digest': UNSEALED}).items()}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> 'Metadata':
        """Read what ``as_texts`` wrote.

        Raises:
            KeyError: if a value is missing.
            ValueError: if one is no JSON, or none of its kind.
        """
        values = {key: json.loads(texts[key]) for key in cls.__dataclass_fields__}
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True)
class DetectorMetadata(Metadata):
    """What a detector's file says besides: its images are brought to input_size, and boxes are in those pixels.

    Attributes:
        task: 'detection', by which such a file is known.
        keep_ratio: Whether an image is resized in proportion until it fits, and filled up at the right and the bottom,
            rather than stretched. Default: True.
        padding: Grey level that it is filled up with before it is normalised. Default: None, zeros after that.
        decoding: How what the file computes becomes boxes. Default: None, it computes boxes.
    """

    task: str = 'detection'
    keep_ratio: bool = True
    padding: int | None = None
    decoding: Decoding | None = None

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> 'DetectorMetadata':
        """Read what ``as_texts`` wrote."""
        said = super().from_texts(texts)
        return said if said.decoding is None else replace(said, decoding=Decoding.from_values(said.decoding))


def read_metadata(texts: Mapping[str, str]) -> Metadata:
    """Return what a file says about itself, as DetectorMetadata where it holds a detector.

    Raises:
        KeyError: if a value is missing.
    """
    return (DetectorMetadata if 'task' in texts else Metadata).from_texts(texts)


def output_names(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of what a file computes, by what it says about itself."""
    if 'task' not in texts:
        return (OUTPUT_NAME,)
    return DETECTOR_OUTPUTS if json.loads(texts['decoding']) is None else HEAD_OUTPUTS


@dataclass(frozen=True)
class Loaded:
    """An exported file in its own runtime.

    Attributes:
        run: Computes logits from normalised images, both float32; of a detector boxes, scores and labels of one image,
            or where the file has no decoding, what that takes. None where the runtime does not exist for this system.
        texts: The metadata that the file holds.
        default: The precision that the runtime computes in unless it is told, 'bf16', and what computes in it. Default:
            None, it is the one of ``run``, or the file asks for one.
    """

    run: Callable[[np.ndarray], Any] | None
    texts: Mapping[str, str] = field(default_factory=dict)
    default: tuple[str, Callable[[np.ndarray], np.ndarray]] | None = None
