"""Folders of images with a folder for every class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shufflenet_zoo.errors import DataError, first_names

# What mmpretrain takes for images.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif')

# The parts of a folder of images.
SPLITS = ('train', 'val', 'all')
# What the folder of the held-out images may be called, beside one called train.
_VAL_FOLDERS = ('val', 'test')
# Where there is none, every fifth image of a class is held out.
_HELD_OUT = 5


@dataclass(frozen=True)
class LabelledImages:
    """Images of a folder.

    Attributes:
        paths: Every image's file.
        labels: The class of each.
        class_names: Names of the classes, which those of the folders are.
    """

    paths: list[str]
    labels: list[int]
    class_names: tuple[str, ...]


def class_folders(root: str | Path) -> list[str]:
    """Return the names of the folders in a folder, in alphabetical order: the classes, one each."""
    return sorted(path.name for path in Path(root).iterdir() if path.is_dir() and not path.name.startswith('.'))


def read_folder(root: str | Path, split: str) -> LabelledImages:
    """Find the images of one part of a folder.

    Args:
        root: A folder with a folder of images for every class; or with such folders as train/ and val/ or test/.
        split: 'train', 'val' or 'all'. Where the folder has no such parts, the second of every five images of a class,
            in alphabetical order, is held out as 'val'.

    Raises:
        DataError: if there is no such folder, a class in it has no image, or the parts have other classes.
    """
    root = Path(root)
    if split not in SPLITS:
        raise DataError(f'split={split!r} must be one of {", ".join(SPLITS)}')
    parts = _parts(root)
    names = class_folders(parts['train'])
    if len(names) < 2:
        raise DataError(f'{parts["train"]} has {len(names)} folders; expected one of images for each of two classes')
    if others := sorted(set(class_folders(parts['val'])) - set(names)):
        raise DataError(f'{parts["val"]} has classes that {parts["train"]} has not: {first_names(others)}')
    wanted = [parts[split]] if split in parts else list(dict.fromkeys(parts.values()))
    is_divided = parts['train'] != parts['val']
    paths, labels = [], []
    for label, name in enumerate(names):
        found = [path for part in wanted if (part / name).is_dir() for path in find_images_below(part / name)]
        if not found and split != 'val':
            raise DataError(f'{wanted[0] / name} has no image ({", ".join(IMAGE_SUFFIXES)}); add some or remove it')
        if not is_divided and split != 'all':
            found = [path for i, path in enumerate(found) if (i % _HELD_OUT == 1) == (split == 'val')]
        paths += map(str, found)
        labels += [label] * len(found)
    return LabelledImages(paths, labels, tuple(names))


def _parts(root: Path) -> dict[str, Path]:
    """Return the folders of the training and of the held-out images, one folder where they are not divided."""
    if not root.is_dir():
        raise DataError(f'{root} is no folder; give one with a folder of images for every class')
    # A class may be called train too; then it has images and no folders.
    if not (root / 'train').is_dir() or not class_folders(root / 'train'):
        return {'train': root, 'val': root}
    held_out = next((root / name for name in _VAL_FOLDERS if (root / name).is_dir()), root / 'train')
    return {'train': root / 'train', 'val': held_out}


def find_images_below(folder: Path) -> list[Path]:
    """Return every image in a folder and those in it, in alphabetical order."""
    return sorted(
        path
        for path in folder.rglob('*')
        if path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith('.') and path.is_file()
    )


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
    folders = class_folders(root)
    labels = _labels(root, folders, num_classes, class_names)
    found = [
        (path.relative_to(root).as_posix(), label)
        for name, label in labels.items()
        for path in find_images_below(root / name)
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
