"""A detection data set in COCO's format made from the handwritten digits: no download.

Every picture is a noisy grey canvas with a few digits at random sizes and positions; no two of them overlap. The
training pictures show digits of the training split only, the validation pictures digits of the test split only.
"""

import json
import os
from pathlib import Path

import cv2
import numpy as np

from shufflenet_zoo.atomic import draft_folder
from shufflenet_zoo.data import digits
from shufflenet_zoo.errors import DataError

CANVAS_SIZE = 256
# Pictures by split of this data set, and the split of the digits that each shows.
PICTURES = {'train': 800, 'val': 200}
_DIGIT_SPLITS = {'train': 'train', 'val': 'test'}
_SEEDS = {'train': 0, 'val': 1}
_DIGITS_PER_PICTURE = (2, 6)
# Heights of a digit in pixels; its width follows from its shape.
_HEIGHTS = (24, 96)
# A row or column whose ink stays below this is blurred edge, outside of the box.
_INK_THRESHOLD = 64
_BACKGROUND, _NOISE, _INK = (0, 80), 8.0, (170, 255)
_PLACEMENT_TRIES = 50


def annotation_file(split: str) -> str:
    """Return the annotation file of a split, relative to the data set's folder."""
    return f'annotations/instances_{split}.json'


def ensure(root: str | Path) -> Path:
    """Make the data set in a folder, unless it is there.

    Args:
        root: The folder; it appears complete or not at all.

    Returns:
        The folder.

    Raises:
        DataError: if the folder holds something else, or cannot be written.
    """
    root = Path(root)
    if all((root / annotation_file(split)).is_file() for split in PICTURES):
        return root
    if root.exists():
        raise DataError(
            f'folder {root} is not the digits detection set: it has no {annotation_file("train")}; '
            f'remove it, and the set is made anew'
        )
    try:
        with draft_folder(root) as draft:
            for split in PICTURES:
                _write_split(draft, split)
            os.replace(draft, root)
    except OSError as error:
        if not root.exists():  # else another process was faster
            raise DataError(f'the digits detection set cannot be written to {root}: {error.strerror}') from error
    return root


def draw_picture(images: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, list[list[int] | None]]:
    """Place digits on a canvas.

    Args:
        images: Digits, uint8 of shape (8, 8, 3), in the order of placement.
        rng: Where the sizes, positions and grey levels come from.

    Returns:
        The picture, grey levels of shape (256, 256) in uint8, and for every digit the box [x, y, width, height] of
        its ink in pixels, or None where no free place was found.
    """
    canvas = np.full((CANVAS_SIZE, CANVAS_SIZE), rng.uniform(*_BACKGROUND))
    boxes = []
    for image in images:
        box = _find_place(_crop_to_ink(image).shape, [box for box in boxes if box], rng)
        if box:
            x, y, width, height = box
            opacity = cv2.resize(_crop_to_ink(image), (width, height), interpolation=cv2.INTER_CUBIC) / 255
            opacity = opacity.clip(0, 1)
            place = canvas[y : y + height, x : x + width]
            place[:] = place * (1 - opacity) + rng.uniform(*_INK) * opacity
        boxes.append(box)
    canvas += rng.normal(0, _NOISE, canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8), boxes


def _crop_to_ink(image: np.ndarray) -> np.ndarray:
    """Return the grey levels of a digit without its empty margins."""
    grey = image[..., 0]
    rows, columns = (np.flatnonzero((grey >= _INK_THRESHOLD).any(axis)) for axis in (1, 0))
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _find_place(shape: tuple[int, int], taken: list[list[int]], rng: np.random.Generator) -> list[int] | None:
    """Draw a box of the shape's aspect that overlaps no other, or None after too many tries."""
    rows, columns = shape
    for _ in range(_PLACEMENT_TRIES):
        height = int(rng.integers(*_HEIGHTS, endpoint=True))
        width = max(round(height * columns / rows), 1)
        if width > CANVAS_SIZE:
            continue
        x = int(rng.integers(CANVAS_SIZE - width, endpoint=True))
        y = int(rng.integers(CANVAS_SIZE - height, endpoint=True))
        if not any(
            x < other_x + other_width and other_x < x + width and y < other_y + other_height and other_y < y + height
            for other_x, other_y, other_width, other_height in taken
        ):
            return [x, y, width, height]
    return None


def _write_split(root: Path, split: str) -> None:
    images, labels = digits.load_split(_DIGIT_SPLITS[split])
    rng = np.random.default_rng(_SEEDS[split])
    pictures, annotations = [], []
    (root / split).mkdir()
    (root / annotation_file(split)).parent.mkdir(exist_ok=True)
    for number in range(1, PICTURES[split] + 1):
        chosen = rng.choice(len(images), rng.integers(*_DIGITS_PER_PICTURE, endpoint=True), replace=False)
        picture, boxes = draw_picture([images[i] for i in chosen], rng)
        name = f'{number:04}.png'
        if not cv2.imwrite(str(root / split / name), picture):
            raise OSError(None, 'no picture could be written')
        pictures.append({'id': number, 'file_name': name, 'width': CANVAS_SIZE, 'height': CANVAS_SIZE})
        for i, box in zip(chosen, boxes, strict=True):
            if box:
                annotations.append(
                    {
                        'id': len(annotations) + 1,
                        'image_id': number,
                        'category_id': int(labels[i]) + 1,
                        'bbox': box,
                        'area': box[2] * box[3],
                        'iscrowd': 0,
                    }
                )
    categories = [{'id': i + 1, 'name': name} for i, name in enumerate(digits.CLASSES)]
    content = {'images': pictures, 'annotations': annotations, 'categories': categories}
    (root / annotation_file(split)).write_text(json.dumps(content))
