"""Write the digits of scikit-learn as a folder of images: DIR/train/CLASS/*.png and DIR/test/CLASS/*.png."""

import argparse
from pathlib import Path

import cv2

from shufflenet_zoo.atomic import draft_folder
from shufflenet_zoo.data.digits import CLASSES, SPLITS, load_split
from shufflenet_zoo.errors import ArgumentError, DataError
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('folder', metavar='DIR', type=Path, help='folder to write, which must not exist')
    return parser.parse_args()


def write_digits(folder: Path) -> int:
    """Write every image into a new folder, which appears complete or not at all.

    Args:
        folder: The folder, which must not exist.

    Returns:
        The number of images.

    Raises:
        ArgumentError: if the folder exists.
        DataError: if it cannot be written.
    """
    if folder.exists():
        raise ArgumentError(f'{folder} exists; name a new folder')
    count = 0
    try:
        with draft_folder(folder) as draft:
            for split in SPLITS:
                for name in CLASSES:
                    (draft / split / name).mkdir(parents=True)
                for i, (image, label) in enumerate(zip(*load_split(split), strict=True)):
                    path = draft / split / CLASSES[label] / f'{i:04d}.png'
                    path.write_bytes(cv2.imencode('.png', image)[1].tobytes())
                    count += 1
            draft.rename(folder)
    except OSError as error:
        raise DataError(f'{folder} cannot be written: {error.strerror}') from error
    return count


def main() -> None:
    """Run the command."""
    folder = parse_args().folder
    count = write_digits(folder)
    print(f'{count:,} images of {len(CLASSES)} classes: {folder / "train"}, {folder / "test"}')
