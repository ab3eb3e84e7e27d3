"""Checks of detection data before anything is built, because mmdet fails late or not at all on them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError, DataError, first_names
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.jobs.datasets import iterate_datasets

_COCO_PARTS = ('images', 'annotations', 'categories')


def check_detection(config: Config, fields: Sequence[str]) -> None:
    """Check the annotations, images and classes that the dataloaders of a detection config name.

    Other configs than mmdet's pass.

    Args:
        config: The config; its files exist, and its scope is entered.
        fields: Which dataloaders will be used.

    Raises:
        DataError: if an annotation file is not JSON or not COCO's, names images that are absent, or lacks a class.
        ConfigError: if the classes of the data are not as many as those of the head.
    """
    if config.get('default_scope') != 'mmdet':
        return
    from mmdet.datasets import CocoDataset
    from mmdet.registry import DATASETS

    for key, dataset in (pair for field in fields for pair in iterate_datasets(config.get(field), field)):
        cls = DATASETS.get(dataset['type']) if isinstance(dataset['type'], str) else dataset['type']
        if cls is None:
            raise ConfigError(f'{config.filename}: {key}.type={dataset["type"]!r} is no registered data set')
        classes = _classes(cls, dataset, key)
        if classes is None:
            continue
        _check_heads(config, key, classes)
        path = Path(dataset.get('data_root') or '') / (dataset.get('ann_file') or '')
        if issubclass(cls, CocoDataset) and path.is_file():
            _check_annotations(path, dataset, classes)


def _classes(cls: type, dataset: Mapping, key: str) -> Sequence[str] | None:
    classes = cls._load_metainfo(dataset.get('metainfo')).get('classes')
    if isinstance(classes, str):
        raise ConfigError(f'{key}.metainfo.classes is the text {classes!r}; must be a sequence, such as ({classes!r},)')
    return classes


def _check_heads(config: Config, key: str, classes: Sequence[str]) -> None:
    for name, num_classes in _head_classes(config.model, 'model'):
        if num_classes != len(classes):
            raise ConfigError(
                f'{config.filename}: {key} has {len(classes)} classes ({first_names(classes)}), but '
                f'{name}.num_classes is {num_classes}; set one of them (metainfo=dict(classes=...) names the classes)'
            )


def _head_classes(node: Any, key: str, in_box_head: bool = False) -> Iterator[tuple[str, int]]:
    """Yield every box head with its number of classes; a region proposal head has one class of its own."""
    if isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            yield from _head_classes(item, f'{key}.{i}', in_box_head)
    elif isinstance(node, Mapping):
        if in_box_head and 'num_classes' in node:
            yield key, node['num_classes']
        for name, value in node.items():
            if name != 'rpn_head':
                yield from _head_classes(value, f'{key}.{name}', name == 'bbox_head')


def _check_annotations(path: Path, dataset: Mapping, classes: Sequence[str]) -> None:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f'annotation file {path} is not JSON: {one_line(error)}') from error
    missing = [part for part in _COCO_PARTS if not isinstance(content, dict) or part not in content]
    if missing:
        raise DataError(f"annotation file {path} is not in COCO's format: it has no {', '.join(missing)}")
    try:
        names = [image['file_name'] for image in content['images']]
        categories = {category['name'] for category in content['categories']}
    except (KeyError, TypeError) as error:
        raise DataError(
            f"annotation file {path} is not in COCO's format: an image has no file_name, or a category no name"
        ) from error
    unknown = [name for name in classes if name not in categories]
    if unknown:
        raise DataError(
            f'annotation file {path} has no category {first_names(unknown)}, which the class list names; '
            f'its categories are {first_names(sorted(categories))}'
        )
    folder = Path(dataset.get('data_root') or '') / ((dataset.get('data_prefix') or {}).get('img') or '')
    absent = [name for name in names if '://' not in str(folder) and not (folder / name).is_file()]
    if absent:
        raise DataError(
            f'annotation file {path} names {len(absent)} of {len(names)} images that are not in '
            f'{folder}: {first_names(absent)}'
        )
