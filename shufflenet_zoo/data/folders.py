"""Folders of images with a folder for every class."""

from collections.abc import Sequence
from pathlib import Path

from shufflenet_zoo.errors import DataError, first_names

# What mmpretrain takes for images.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif')


def label_images(root: str | Path, num_classes: int, class_names: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Find the images of a classifier's classes.

    Args:
        root: The folder. Those in it are named as the classes or numbered from 0, and may be some of them; under
            other names, such as ImageNet's, they are all the classes in alphabetical order.
        num_classes: Number of classes.
        class_names: Names of the classes, where they are known.

    Returns:
        Every image's path relative to the root, and its label.

    Raises:
        DataError: if there is no such folder, it has no image, or its folders are not the classes.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f'{root} is no folder; give one with a folder of images for every class')
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith('.'))
    labels = _labels(root, folders, num_classes, class_names)
    found = [
        (path.relative_to(root).as_posix(), label)
        for name, label in labels.items()
        for path in sorted((root / name).rglob('*'))
        if path.name.lower().endswith(IMAGE_SUFFIXES) and path.name[0] != '.' and path.is_file()
    ]
    if not found:
        raise DataError(f'{root} has no image ({", ".join(IMAGE_SUFFIXES)}) in a folder for its class')
    return found


def _labels(root: Path, folders: Sequence[str], num_classes: int, class_names: Sequence[str]) -> dict[str, int]:
    """Return the label of every folder."""
    if set(folders) <= set(class_names):
        return {name: class_names.index(name) for name in folders}
    if all(name.isdecimal() and int(name) < num_classes for name in folders):
        return {name: int(name) for name in folders}
    if len(folders) == num_classes:
        return {name: label for label, name in enumerate(folders)}
    raise DataError(
        f'{root} has {len(folders)} folders ({first_names(folders)}), and there are {num_classes} classes; give one '
        f'with a folder of images for every class, or with folders named as the classes'
    )
