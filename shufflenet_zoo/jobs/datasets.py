"""The data sets of a config: the folder that a user names, whether their files are there, and the head for them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.data.folders import class_folders, read_folder
from shufflenet_zoo.errors import ConfigError, DataError, first_names

DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
EVALUATORS = ('val_evaluator', 'test_evaluator')
# Data sets that download or make their files where they are missing.
SELF_LOADING_DATASETS = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST', 'DigitsDetection')
# Steps of pipelines that decide the size of an image.
_RESIZES = ('Resize', 'ResizeEdge', 'CenterCrop', 'RandomCrop', 'RandomResizedCrop')
# Data sets whose classes are the folders that they find: ours, and mmpretrain's without an annotation file.
IMAGE_FOLDER, CUSTOM = 'ImageFolder', 'CustomDataset'


def use_data(config: Config, folder: str) -> None:
    """Make a config's data sets read a folder; the head of one for any folder of images gets the classes found.

    Args:
        config: The config; its data sets' roots and what lies below these in its evaluators are changed.
        folder: The folder.

    Raises:
        ConfigError: if no data set of the config reads files.
        DataError: if a folder of images has no classes.
    """
    datasets = [one for field in DATALOADERS for one in iterate_datasets(config.get(field), field)]
    rooted = [dataset for _, dataset in datasets if 'data_root' in dataset]
    if not rooted:
        kinds = first_names(sorted({str(dataset['type']) for _, dataset in datasets})) or 'none'
        raise ConfigError(f'--data {folder}: the data sets of {config.filename} ({kinds}) read no folder')
    for root in {dataset['data_root'] for dataset in rooted}:
        for evaluator in (one for field in EVALUATORS for one in as_list(config.get(field))):
            if str(evaluator.get('ann_file') or '').startswith(root):
                evaluator['ann_file'] = str(Path(folder, evaluator['ann_file'].removeprefix(root).lstrip('/')))
    for dataset in rooted:
        dataset['data_root'] = folder
    if any(_kind(dataset) == IMAGE_FOLDER for dataset in rooted):
        for section in (config.model.head, config.data_preprocessor):
            section['num_classes'] = len(read_folder(folder, 'all').class_names)


def check_data(config: Config, fields: tuple[str, ...]) -> None:
    """Check that the folders and files that the dataloaders name exist, and that folders have the head's classes.

    Args:
        config: The config.
        fields: Which of DATALOADERS will be used.

    Raises:
        DataError: if one is missing.
        ConfigError: if the head has another number of classes.
    """
    for field in fields:
        for key, dataset in iterate_datasets(config.get(field), field):
            if _kind(dataset) in SELF_LOADING_DATASETS:
                continue
            for path in _data_paths(dataset):
                if not path.exists():
                    raise DataError(
                        f'data of {key} is not there: {path} does not exist; put the data set there or '
                        f'name its place with --data or --cfg-options {key}.data_root=...'
                    )
    _check_classes(config, fields)


def _check_classes(config: Config, fields: tuple[str, ...]) -> None:
    """Check that the head of a classifier has as many classes as the folders of images under the dataloaders.

    Raises:
        ConfigError: if it has not, with what is to be set.
        DataError: if a folder of images is none.
    """
    head = (config.get('model') or {}).get('head')
    wanted = head.get('num_classes') if isinstance(head, Mapping) else None
    for field in fields:
        for key, dataset in iterate_datasets(config.get(field), field):
            names = _class_names(dataset)
            if names and wanted is not None and len(names) != wanted:
                automatic = ', or --data DIR, which does so' if _kind(dataset) == IMAGE_FOLDER else ''
                raise ConfigError(
                    f'{config.filename}: model.head.num_classes={wanted}, and {key} has {len(names)} classes '
                    f'({first_names(names)}): give --cfg-options model.head.num_classes={len(names)} '
                    f'data_preprocessor.num_classes={len(names)}{automatic}'
                )


def _class_names(dataset: Mapping[str, Any]) -> list[str]:
    """Return the classes of a data set that finds them itself, none of another."""
    kind, root = _kind(dataset), dataset.get('data_root') or ''
    if kind == IMAGE_FOLDER:
        return list(read_folder(root, 'all').class_names)
    if kind != CUSTOM or dataset.get('ann_file') or (dataset.get('metainfo') or {}).get('classes'):
        return []
    prefix = dataset.get('data_prefix') or ''
    return class_folders(Path(root, prefix.get('img_path', '') if isinstance(prefix, Mapping) else prefix).expanduser())


def _kind(dataset: Mapping[str, Any]) -> str:
    return str(dataset['type']).rpartition('.')[2]


def _data_paths(dataset: Mapping) -> Iterator[Path]:
    """Yield the local paths that a dataset config names, the outermost first."""
    root = dataset.get('data_root') or ''
    prefix = dataset.get('data_prefix') or ''
    prefixes = prefix.values() if isinstance(prefix, Mapping) else [prefix]
    for part in ('', *prefixes, dataset.get('ann_file') or ''):
        path = (Path(root) / part).expanduser() if isinstance(part, str) else None
        if path and str(path) != '.' and '://' not in f'{root}{part}' and ':/' not in str(path):
            yield path


def iterate_datasets(node: Any, key: str) -> Iterator[tuple[str, Mapping]]:
    """Yield every innermost dataset config under a dataloader, with its dotted key."""
    if not isinstance(node, Mapping):
        return
    inner = [(f'{key}.dataset', node['dataset'])] if 'dataset' in node else []
    inner += [(f'{key}.datasets.{i}', dataset) for i, dataset in enumerate(as_list(node.get('datasets')))]
    if not inner and 'type' in node:
        yield key, node
    for inner_key, dataset in inner:
        yield from iterate_datasets(dataset, inner_key)


def image_size(config: Config) -> tuple[int, int] | None:
    """Return height and width of the images that a config's model is tested on, None where it does not say them.

    Photographs that are resized with their sides' ratio kept are taken at the largest size that the resize allows.
    """
    for field in ('test_dataloader', 'train_dataloader'):
        pipelines = (dataset.get('pipeline') or () for _, dataset in iterate_datasets(config.get(field), field))
        sizes = [size for pipeline in pipelines for step in pipeline if (size := _size_of(step))]
        if sizes:
            divisor = (config.model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
            height, width = sizes[-1]
            return -(-height // divisor) * divisor, -(-width // divisor) * divisor
    return None


def _size_of(step: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width after a resize or a crop, None for another step."""
    size = step.get('crop_size') or step.get('scale')
    if _kind(step) not in _RESIZES or not size or not all(isinstance(side, int) for side in as_list(size)):
        return None
    if isinstance(size, int):
        return size, size
    # Resize takes width and height, crops height and width.
    return tuple(size) if step.get('crop_size') else tuple(size)[::-1]


def as_list(value: Any) -> list:
    """Return a config's value that may be one section, a list of them or None as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
