"""The transforms of mmpretrain's pipelines, bit for bit: what MindData's threads make of a sample.

Each draws its random numbers in the order of its namesake in mmcv or mmpretrain and computes with the same functions of
OpenCV and Pillow, so that equal seeds give equal images in both backends.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from shufflenet_zoo.data.images import INTERPOLATIONS, read_image, resize
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require

Randoms = np.random.RandomState
Transform = Callable[[Any, Randoms], Any]
Pair = tuple[int, int]

_BACKENDS = tuple(INTERPOLATIONS)
_DIRECTIONS = {'horizontal': (1,), 'vertical': (0,), 'diagonal': (0, 1)}
_PADDING_MODES = ('constant', 'edge', 'reflect', 'symmetric')


class LoadImageFromFile:
    """Reads an image file as mmcv does: BGR, turned upright by its EXIF orientation.

    Args:
        to_float32: False.
        color_type: 'color'.
        imdecode_backend: Whose decoder: 'cv2' (default) or 'pillow'.
    """

    def __init__(self, to_float32: bool = False, color_type: str = 'color', imdecode_backend: str = 'cv2') -> None:
        require(not to_float32, 'to_float32', to_float32, 'False')
        require(color_type == 'color', 'color_type', color_type, "'color'")
        require(imdecode_backend in _BACKENDS, 'imdecode_backend', imdecode_backend, f'one of {_BACKENDS}')
        self.backend = imdecode_backend

    def __call__(self, path: str, randoms: Randoms) -> np.ndarray:
        """Return the image, uint8 of shape (height, width, 3).

        Raises:
            DataError: if the file is missing or no image.
        """
        return read_image(path, self.backend)


class Resize:
    """Resizes to a size, or into it (keep_ratio).

    Args:
        scale: Width and height, or one number for both.
        keep_ratio: Whether the image keeps its proportions; its longer side then fits the larger number.
        interpolation: Default: 'bilinear'.
        backend: Whose rule of resizing: 'cv2' (default) or 'pillow', which smooths when it shrinks.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        keep_ratio: bool = False,
        interpolation: str = 'bilinear',
        backend: str = 'cv2',
    ) -> None:
        self.scale = _pair('scale', scale)
        self.keep_ratio = keep_ratio
        self.resize = _build_resize(interpolation, backend)

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the resized image."""
        width, height = self.scale
        if self.keep_ratio:
            sides = image.shape[1], image.shape[0]
            factor = min(max(self.scale) / max(sides), min(self.scale) / min(sides))
            width, height = (int(side * float(factor) + 0.5) for side in sides)
        return self.resize(image, (height, width))


class ResizeEdge:
    """Resizes one edge to a length and keeps the proportions.

    Args:
        scale: Length of the edge.
        edge: 'short' (default), 'long', 'width' or 'height'.
        backend: As for Resize.
        interpolation: Default: 'bilinear'.
    """

    def __init__(self, scale: int, edge: str = 'short', backend: str = 'cv2', interpolation: str = 'bilinear') -> None:
        require(edge in ('short', 'long', 'width', 'height'), 'edge', edge, 'short, long, width or height')
        self.scale, self.edge = scale, edge
        self.resize = _build_resize(interpolation, backend)

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the resized image."""
        height, width = image.shape[:2]
        if (
            self.edge == 'width'
            or (self.edge == 'short' and width < height)
            or (self.edge == 'long' and width > height)
        ):
            size = int(self.scale * height / width), self.scale
        else:
            size = self.scale, int(self.scale * width / height)
        return self.resize(image, size)


class CenterCrop:
    """Cuts out the middle.

    Args:
        crop_size: Width and height, or one number for both.
    """

    def __init__(self, crop_size: int | Sequence[int]) -> None:
        self.width, self.height = _pair('crop_size', crop_size)

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the middle of the image."""
        top = max(0, round((image.shape[0] - self.height) / 2))
        left = max(0, round((image.shape[1] - self.width) / 2))
        return image[top : top + self.height, left : left + self.width]


class RandomCrop:
    """Cuts out a random place.

    Args:
        crop_size: Height and width, or one number for both.
        padding: Margin added before: one number, (horizontal, vertical) or (left, top, right, bottom).
        pad_if_needed: Whether smaller images are padded to the size.
        pad_val: Value of a margin: 0 (default) or one per channel; mmcv pads the first channel alone with a number.
        padding_mode: How pad_if_needed fills: 'constant' (default), 'edge', 'reflect' or 'symmetric'.
    """

    def __init__(
        self,
        crop_size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        pad_val: int | Sequence[int] = 0,
        padding_mode: str = 'constant',
    ) -> None:
        self.height, self.width = _pair('crop_size', crop_size)
        require(padding_mode in _PADDING_MODES, 'padding_mode', padding_mode, f'one of {_PADDING_MODES}')
        require(
            pad_val == 0 or not isinstance(pad_val, (int, float)), 'pad_val', pad_val, '0 or one number per channel'
        )
        require(
            padding is None or isinstance(padding, int) or len(padding) in (2, 4),
            'padding',
            padding,
            'a number or 2 or 4 of them',
        )
        self.padding = _margins(padding)
        self.pad_if_needed, self.pad_val, self.padding_mode = pad_if_needed, pad_val, padding_mode

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return a random part of the image."""
        if self.padding:
            # The configured mode is for pad_if_needed alone, as in mmpretrain.
            image = _pad(image, self.padding, 'constant', self.pad_val)
        if self.pad_if_needed:
            vertical = math.ceil(max(0, self.height - image.shape[0]) / 2)
            horizontal = math.ceil(max(0, self.width - image.shape[1]) / 2)
            image = _pad(image, (horizontal, vertical) * 2, self.padding_mode, self.pad_val)
        height, width = image.shape[:2]
        if (height, width) == (self.height, self.width):
            return image
        crop_height, crop_width = min(height, self.height), min(width, self.width)
        top = randoms.randint(0, height - crop_height + 1)
        left = randoms.randint(0, width - crop_width + 1)
        return image[top : top + crop_height, left : left + crop_width]


class RandomResizedCrop:
    """Cuts out a place of random area and proportions and resizes it.

    Args:
        scale: Height and width of the result, or one number for both.
        crop_ratio_range: Part of the area that is cut out. Default: (0.08, 1).
        aspect_ratio_range: Width by height. Default: (3/4, 4/3).
        max_attempts: Draws before the middle is taken. Default: 10.
        interpolation: Default: 'bilinear'.
        backend: As for Resize.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: Sequence[float] = (0.08, 1.0),
        aspect_ratio_range: Sequence[float] = (3 / 4, 4 / 3),
        max_attempts: int = 10,
        interpolation: str = 'bilinear',
        backend: str = 'cv2',
    ) -> None:
        self.size = _pair('scale', scale)
        self.areas, self.ratios, self.max_attempts = crop_ratio_range, aspect_ratio_range, max_attempts
        self.resize = _build_resize(interpolation, backend)

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return a random part of the image, resized."""
        top, left, height, width = self._draw_box(*image.shape[:2], randoms)
        return self.resize(image[top : top + height, left : left + width], self.size)

    def _draw_box(self, height: int, width: int, randoms: Randoms) -> tuple[int, int, int, int]:
        for _ in range(self.max_attempts):
            area = randoms.uniform(*self.areas) * (height * width)
            ratio = math.exp(randoms.uniform(math.log(self.ratios[0]), math.log(self.ratios[1])))
            crop_width, crop_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < crop_width <= width and 0 < crop_height <= height:
                top = randoms.randint(0, height - crop_height + 1)
                left = randoms.randint(0, width - crop_width + 1)
                return top, left, crop_height, crop_width
        crop_height, crop_width = height, width
        if width / height < min(self.ratios):
            crop_height = round(width / min(self.ratios))
        elif width / height > max(self.ratios):
            crop_width = round(height * max(self.ratios))
        return (height - crop_height) // 2, (width - crop_width) // 2, crop_height, crop_width


class RandomFlip:
    """Flips with a probability.

    Args:
        prob: The probability, or one per direction.
        direction: 'horizontal' (default), 'vertical', 'diagonal', or a list of these.
    """

    def __init__(self, prob: float | Sequence[float], direction: str | Sequence[str] = 'horizontal') -> None:
        directions = [direction] if isinstance(direction, str) else list(direction)
        require(set(directions) <= set(_DIRECTIONS), 'direction', direction, f'of {tuple(_DIRECTIONS)}')
        each = [prob / len(directions)] * len(directions) if isinstance(prob, (int, float)) else list(prob)
        total = prob if isinstance(prob, (int, float)) else sum(each)
        require(
            len(each) == len(directions) and 0 <= total <= 1,
            'prob',
            prob,
            'a probability, or one per direction with a sum of at most 1',
        )
        self.directions = [*directions, None]
        self.probabilities = [*each, 1.0 - total]

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the image, perhaps flipped."""
        direction = self.directions[randoms.choice(len(self.directions), p=self.probabilities)]
        return np.flip(image, _DIRECTIONS[direction]) if direction else image


class ColorJitter:
    """Changes brightness, contrast, saturation and hue, in random order, by Pillow's rules.

    Args:
        brightness: Largest change, or lowest and highest factor. Default: 0.
        contrast: Likewise.
        saturation: Likewise.
        hue: Largest shift, or lowest and highest, in parts of the colour circle. Default: 0.
        backend: 'pillow', which is mmpretrain's default.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0.0,
        contrast: float | Sequence[float] = 0.0,
        saturation: float | Sequence[float] = 0.0,
        hue: float | Sequence[float] = 0.0,
        backend: str = 'pillow',
    ) -> None:
        require(backend == 'pillow', 'backend', backend, "'pillow'")
        self.ranges = (
            _range('brightness', brightness, 1.0, (0, math.inf)),
            _range('contrast', contrast, 1.0, (0, math.inf)),
            _range('saturation', saturation, 1.0, (0, math.inf)),
            _range('hue', hue, 0.0, (-0.5, 0.5)),
        )
        self.changes = (
            _enhance(ImageEnhance.Brightness),
            _enhance(ImageEnhance.Contrast),
            _enhance(ImageEnhance.Color),
            _shift_hue,
        )

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the image with changed colours."""
        order = randoms.permutation(len(self.changes))
        amounts = [limits and randoms.uniform(*limits) for limits in self.ranges]
        # Pillow wants RGB; mmcv takes every image for BGR.
        picture = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
        for index in order:
            if amounts[index] is not None:
                picture = self.changes[index](picture, amounts[index])
        return np.asarray(picture)[..., ::-1]


class RandomErasing:
    """Paints over a rectangle of random place, area and proportions, with a probability.

    Args:
        erase_prob: The probability. Default: 0.5.
        min_area_ratio: Smallest part of the area that is erased. Default: 0.02.
        max_area_ratio: Largest part. Default: 0.4.
        aspect_range: Limits of height by width, or one of two that are inverse. Default: (3/10, 10/3).
        mode: What it is painted with: 'const' (default), the fill colour, or 'rand', noise.
        fill_color: The colour, in the image's order of channels, or one number for the three. Default: (128, 128, 128).
        fill_std: With 'rand', the noise's standard deviation about the colour. Default: None, uniform noise.
    """

    def __init__(
        self,
        erase_prob: float = 0.5,
        min_area_ratio: float = 0.02,
        max_area_ratio: float = 0.4,
        aspect_range: float | Sequence[float] = (3 / 10, 10 / 3),
        mode: str = 'const',
        fill_color: float | Sequence[float] = (128, 128, 128),
        fill_std: float | Sequence[float] | None = None,
    ) -> None:
        require(0 <= erase_prob <= 1, 'erase_prob', erase_prob, 'a probability')
        require(0 <= min_area_ratio < 1, 'min_area_ratio', min_area_ratio, 'a part of 1')
        require(
            min_area_ratio <= max_area_ratio <= 1, 'max_area_ratio', max_area_ratio, 'a part, min_area_ratio or more'
        )
        require(mode in ('const', 'rand'), 'mode', mode, "'const' or 'rand'")
        limits = sorted((aspect_range, 1 / aspect_range)) if isinstance(aspect_range, float) else list(aspect_range)
        require(
            len(limits) == 2 and 0 < limits[0] <= limits[1],
            'aspect_range',
            aspect_range,
            'a positive number, or two of them, the smaller one first',
        )
        self.erase_prob, self.areas, self.mode = erase_prob, (min_area_ratio, max_area_ratio), mode
        self.log_ratios = np.log(np.array(limits, dtype=np.float32))
        self.color, self.std = fill_color, fill_std

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the image, perhaps with a rectangle painted over."""
        if randoms.rand() > self.erase_prob:
            return image
        height, width = image.shape[:2]
        ratio = np.exp(randoms.uniform(*self.log_ratios))
        area = height * width * randoms.uniform(*self.areas)
        rows = min(round(np.sqrt(area * ratio)), height)
        columns = min(round(np.sqrt(area / ratio)), width)
        top = randoms.randint(0, height - rows) if height > rows else 0
        left = randoms.randint(0, width - columns) if width > columns else 0
        image = image.copy()
        image[top : top + rows, left : left + columns] = self._paint((rows, columns, 3), randoms)
        return image

    def _paint(self, shape: tuple[int, int, int], randoms: Randoms) -> np.ndarray:
        if self.mode == 'const':
            return np.broadcast_to(np.array(self.color, np.uint8), shape)
        if self.std is None:
            return randoms.uniform(0, 256, shape).astype(np.uint8)
        return np.clip(randoms.normal(self.color, self.std, shape).astype(np.int32), 0, 255).astype(np.uint8)


class PackInputs:
    """Ends a pipeline."""

    def __call__(self, image: np.ndarray, randoms: Randoms) -> np.ndarray:
        """Return the image, its memory in order."""
        return np.ascontiguousarray(image)


_KINDS = {
    kind.__name__: kind
    for kind in (
        LoadImageFromFile,
        Resize,
        ResizeEdge,
        CenterCrop,
        RandomCrop,
        RandomResizedCrop,
        RandomFlip,
        ColorJitter,
        RandomErasing,
        PackInputs,
    )
}


class Pipeline:
    """A chain of transforms.

    Args:
        configs: The data set's ``pipeline``.
        key: Its dotted name in the config.
        has_files: Whether it starts from file names rather than images.

    Raises:
        ConfigError: if this backend does not have a transform or one of its arguments.
    """

    def __init__(self, configs: Sequence[Mapping[str, Any]], key: str, has_files: bool) -> None:
        self.transforms = [build_transform(config, f'{key}.{index}') for index, config in enumerate(configs)]
        loads = [isinstance(transform, LoadImageFromFile) for transform in self.transforms]
        if loads != [has_files and index == 0 for index in range(len(loads))] or (has_files and not loads):
            raise ConfigError(
                f'{key} must {"begin with" if has_files else "have no"} LoadImageFromFile: the data set '
                f'gives {"file names" if has_files else "images"}'
            )
        if not self.transforms or not isinstance(self.transforms[-1], PackInputs):
            raise ConfigError(f'{key} must end with PackInputs')

    @classmethod
    def for_images(cls, configs: Sequence[Mapping[str, Any]], key: str) -> 'Pipeline':
        """Build a pipeline for images that are read already: without the LoadImageFromFile that it may begin with.

        Args:
            configs: The data set's ``pipeline``.
            key: Its dotted name in the config.

        Raises:
            ConfigError: if this backend does not have a transform or one of its arguments.
        """
        loads = bool(configs) and choose(configs[0], f'{key}.0', _KINDS) is LoadImageFromFile
        pipeline = cls(configs, key, has_files=loads)
        del pipeline.transforms[:loads]
        return pipeline

    def __call__(self, sample: Any, seed: int | None = None) -> np.ndarray:
        """Return the image that a sample becomes, its augmentation drawn from a seed."""
        randoms = Randoms(seed)
        for transform in self.transforms:
            sample = transform(sample, randoms)
        return sample


def build_transform(config: Mapping[str, Any], key: str) -> Transform:
    """Build one transform.

    Args:
        config: One item of a ``pipeline``.
        key: Its dotted name in the config.

    Raises:
        ConfigError: if this backend does not have the transform or one of its arguments.
    """
    kind = choose(config, key, _KINDS)
    known = tuple(name for name in kind.__init__.__annotations__ if name != 'return') if kind is not PackInputs else ()
    check_keys(config, key, known)
    try:
        return kind(**{name: value for name, value in config.items() if name != 'type'})
    except ConfigError as error:
        raise ConfigError(f'{key}.{error}') from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{key}: {kind.__name__} cannot be built: {error}') from error


def _pair(name: str, value: int | Sequence[int]) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    require(len(pair) == 2 and min(pair) > 0, name, value, 'a positive number or two of them')
    return pair


def _margins(padding: int | Sequence[int] | None) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom margins."""
    if padding is None:
        return None
    if isinstance(padding, int):
        return (padding,) * 4
    return tuple(padding) * (4 // len(padding))


def _pad(image: np.ndarray, margins: tuple[int, int, int, int], mode: str, value: int | Sequence[int]) -> np.ndarray:
    left, top, right, bottom = margins
    if mode != 'constant':
        return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode)
    height, width, channels = image.shape
    padded = np.empty((top + height + bottom, left + width + right, channels), image.dtype)
    padded[:] = value
    padded[top : top + height, left : left + width] = image
    return padded


def _build_resize(interpolation: str, backend: str) -> Callable[[np.ndarray, Pair], np.ndarray]:
    """Return a function that resizes an image to a height and width."""
    require(backend in _BACKENDS, 'backend', backend, f'one of {_BACKENDS}')
    known = INTERPOLATIONS[backend]
    require(interpolation in known, 'interpolation', interpolation, f'one of {tuple(known)} with backend={backend!r}')
    return partial(resize, interpolation=interpolation, backend=backend)


def _range(name: str, value: float | Sequence[float], center: float, bounds: Pair) -> tuple[float, float] | None:
    """Return the limits of a change, or None where nothing changes."""
    if isinstance(value, (int, float)):
        require(value >= 0, name, value, 'at least 0')
        value = center - value, center + value
    low, high = value
    low, high = (min(max(limit, bounds[0]), bounds[1]) for limit in (low, high))
    return None if low == high == center else (low, high)


def _enhance(kind: type) -> Callable[[Image.Image, float], Image.Image]:
    return lambda picture, factor: kind(picture).enhance(factor)


def _shift_hue(picture: Image.Image, part: float) -> Image.Image:
    hue, saturation, value = picture.convert('HSV').split()
    shifted = (np.asarray(hue).astype(np.int64) + int(part * 255)) % 256
    hue = Image.fromarray(shifted.astype(np.uint8))
    return Image.merge('HSV', (hue, saturation, value)).convert('RGB')
