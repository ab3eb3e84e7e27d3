"""The data sets of the configs: scikit-learn's digits, CIFAR, ImageNet and any folder of images."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.data import digits
from shufflenet_zoo.data.folders import IMAGE_SUFFIXES, read_folder
from shufflenet_zoo.errors import DataError
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require

_IMAGENET_SPLITS = ('train', 'val')
_IMAGENET_CLASSES = 1000
_COMMON_KEYS = ('pipeline', 'metainfo', 'indices', 'test_mode', 'lazy_init')


class ImageDataset:
    """Images and labels.

    Args:
        samples: What the pipeline starts from: uint8 images (height, width, 3), or names of image files.
        labels: The class of every sample.
        num_classes: How many classes there are, where the data set knows; else None.
        class_names: Their names, empty where the data set does not know them.
    """

    def __init__(
        self,
        samples: Sequence[np.ndarray] | Sequence[str],
        labels: Sequence[int],
        num_classes: int | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        self.samples = samples
        self.labels = np.asarray(labels, dtype=np.int64)
        self.num_classes = num_classes
        self.class_names = tuple(class_names)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: int | Sequence[int]) -> 'ImageDataset':
        """Return some of the samples: the first so many, the last (a negative number), or those named."""
        if isinstance(indices, int):
            indices = range(len(self))[:indices] if indices >= 0 else range(len(self))[indices:]
        samples = [self.samples[index] for index in indices]
        return ImageDataset(samples, self.labels[list(indices)], self.num_classes, self.class_names)

    @property
    def has_files(self) -> bool:
        """Whether the samples are file names rather than images."""
        return isinstance(self.samples[0], str)


def build_dataset(config: Mapping[str, Any], key: str) -> ImageDataset:
    """Build the data set of a dataloader.

    Args:
        config: The dataloader's ``dataset``.
        key: Its dotted name in the config.

    Raises:
        ConfigError: if this backend does not have the data set or one of its arguments.
        DataError: if the data is missing or damaged.
    """
    dataset = choose_dataset(config, key)(config, key)
    if config.get('indices') is not None:
        dataset = dataset.subset(config['indices'])
    if not len(dataset):
        raise DataError(f'data of {key} is empty; expected at least one image')
    classes = (config.get('metainfo') or {}).get('classes')
    if classes is not None and dataset.num_classes not in (None, len(classes)):
        raise DataError(f'data of {key} has {dataset.num_classes} classes; {key}.metainfo.classes names {len(classes)}')
    dataset.class_names = tuple(classes or dataset.class_names)
    return dataset


def known_classes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes as far as a data set's section alone tells them."""
    known = digits.CLASSES if str(config.get('type')) == 'shufflenet_zoo.Digits' else ()
    return tuple((config.get('metainfo') or {}).get('classes') or known)


def choose_dataset(config: Mapping[str, Any], key: str) -> Callable[[Mapping[str, Any], str], ImageDataset]:
    """Return what builds a data set.

    Raises:
        ConfigError: if this backend does not have it.
    """
    kind = str(config.get('type'))
    require(
        not kind.rpartition('.')[2].startswith('Coco'),
        f'{key}.type',
        kind,
        'a data set of classification: detection trains with --backend torch',
    )
    return choose(config, key, _KINDS)


def _build_digits(config: Mapping[str, Any], key: str) -> ImageDataset:
    check_keys(config, key, ('split', *_COMMON_KEYS))
    images, labels = digits.load_split(config.get('split', 'train'))
    return ImageDataset(images, labels, len(digits.CLASSES), digits.CLASSES)


def _build_image_folder(config: Mapping[str, Any], key: str) -> ImageDataset:
    check_keys(config, key, ('data_root', 'split', *_COMMON_KEYS))
    found = read_folder(config.get('data_root') or '', config.get('split', 'train'))
    return ImageDataset(found.paths, found.labels, len(found.class_names), found.class_names)


def _build_folder(config: Mapping[str, Any], key: str) -> ImageDataset:
    """Build mmpretrain's CustomDataset: an annotation file, or one folder per class in alphabetical order."""
    check_keys(config, key, ('data_root', 'data_prefix', 'ann_file', 'with_label', 'extensions', *_COMMON_KEYS))
    require(config.get('with_label', True) is True, f'{key}.with_label', config.get('with_label'), 'True')
    root = Path(config.get('data_root') or '').expanduser()
    prefix = config.get('data_prefix') or ''
    images = root / (prefix.get('img_path', '') if isinstance(prefix, Mapping) else prefix)
    suffixes = tuple(suffix.lower() for suffix in config.get('extensions', IMAGE_SUFFIXES))
    if config.get('ann_file'):
        return _read_annotations(root / config['ann_file'], images)
    return _scan_folders(images, suffixes, key)


def _read_annotations(path: Path, images: Path) -> ImageDataset:
    """Read a file with one line per image: its path, a space and its class as a number."""
    if not path.is_file():
        raise DataError(f'annotation file {path} does not exist; put it there or change ann_file')
    names, labels = [], []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        name, _, label = line.strip().rpartition(' ')
        if not name or not label.isdigit():
            raise DataError(f'{path}, line {number}: {line!r} must be the path of an image, a space and its class')
        names.append(str(images / name))
        labels.append(int(label))
    return ImageDataset(names, labels)


def _scan_folders(root: Path, suffixes: tuple[str, ...], key: str) -> ImageDataset:
    if not root.is_dir():
        raise DataError(
            f'data of {key} is not there: {root} does not exist; put the data set there or name its '
            f'place with --cfg-options {key}.data_root=...'
        )
    names, labels = [], []
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith('.'))
    for label, folder in enumerate(folders):
        found = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob('*')
            if path.name.lower().endswith(suffixes) and path.name[0] != '.' and path.is_file()
        )
        names += [str(folder / name) for name in found]
        labels += [label] * len(found)
    if not names:
        raise DataError(
            f'data of {key}: no image ({", ".join(suffixes)}) in a folder of {root}; expected one folder '
            f'of images per class'
        )
    return ImageDataset(names, labels, len(folders), [folder.name for folder in folders])


def _build_imagenet(config: Mapping[str, Any], key: str) -> ImageDataset:
    """Build mmpretrain's ImageNet: ``split`` names the folder and, where it exists, ``meta/<split>.txt``."""
    config = dict(config)
    split = config.pop('split', '')
    if split:
        require(split in _IMAGENET_SPLITS, f'{key}.split', split, f'one of {_IMAGENET_SPLITS}, which have labels')
        config['data_prefix'] = config.get('data_prefix') or split
        annotations = Path('meta') / f'{split}.txt'
        if not config.get('ann_file') and (Path(config.get('data_root') or '') / annotations).expanduser().exists():
            config['ann_file'] = str(annotations)
    dataset = _build_folder(config, key)
    if dataset.num_classes not in (None, _IMAGENET_CLASSES) and not (config.get('metainfo') or {}).get('classes'):
        raise DataError(
            f'data of {key} has {dataset.num_classes} folders; ImageNet has {_IMAGENET_CLASSES}: complete '
            f'it, or name its classes with metainfo=dict(classes=...)'
        )
    return dataset


# Folder, files of the splits, and the key of the labels.
_CIFAR = {
    'CIFAR10': (
        'cifar-10-batches-py',
        {'train': tuple(f'data_batch_{i}' for i in range(1, 6)), 'test': ('test_batch',)},
        'labels',
        10,
    ),
    'CIFAR100': ('cifar-100-python', {'train': ('train',), 'test': ('test',)}, 'fine_labels', 100),
}
_CIFAR_SIZE = 32


def _build_cifar(config: Mapping[str, Any], key: str) -> ImageDataset:
    """Build mmpretrain's CIFAR10 or CIFAR100 from the published pickles; the images are RGB."""
    check_keys(config, key, ('data_root', 'data_prefix', 'split', 'download', *_COMMON_KEYS))
    folder, splits, label_key, num_classes = _CIFAR[config['type'].rpartition('.')[2]]
    split = config.get('split') or ('test' if config.get('test_mode') else 'train')
    require(split in splits, f'{key}.split', split, f'one of {tuple(splits)}')
    root = Path(config.get('data_root') or '') / (config.get('data_prefix') or '')
    images, labels = [], []
    for name in splits[split]:
        path = root.expanduser() / folder / name
        if not path.is_file():
            raise DataError(
                f'data of {key} is not there: {path} does not exist; unpack the Python version of the data '
                f'set there, which this backend does not download'
            )
        try:
            entry = pickle.loads(path.read_bytes(), encoding='latin1')
            images.append(entry['data'].reshape(-1, 3, _CIFAR_SIZE, _CIFAR_SIZE))
            labels += entry[label_key]
        except Exception as error:  # a damaged pickle raises nearly anything
            raise DataError(f'data of {key} cannot be read: {path} is damaged; copy it again') from error
    return ImageDataset(np.ascontiguousarray(np.concatenate(images).transpose(0, 2, 3, 1)), labels, num_classes)


_KINDS = {
    'shufflenet_zoo.Digits': _build_digits,
    'shufflenet_zoo.ImageFolder': _build_image_folder,
    'CIFAR10': _build_cifar,
    'CIFAR100': _build_cifar,
    'ImageNet': _build_imagenet,
    'CustomDataset': _build_folder,
}
