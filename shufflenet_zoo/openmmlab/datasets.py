"""Data sets for mmpretrain's pipelines."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.datasets import BaseDataset

from shufflenet_zoo.data import digits
from shufflenet_zoo.data.folders import read_folder
from shufflenet_zoo.registry import DATASETS


@DATASETS.register_module()
class Digits(BaseDataset):
    """The handwritten digits of scikit-learn: 10 classes of 8x8 images, no file and no download.

    A sample enters the pipeline as a uint8 image of shape (8, 8, 3) under ``img`` and its ``gt_label``.

    Args:
        split: 'train' (1,442 images) or 'test' (355 images).
        pipeline: Transforms of mmpretrain.
        **kwargs: Further arguments of mmpretrain's BaseDataset.

    Raises:
        ArgumentError: if the split is unknown.
    """

    METAINFO = {'classes': digits.CLASSES}  # noqa: RUF012

    def __init__(self, split: str = 'train', pipeline: Sequence[Any] = (), **kwargs: Any) -> None:
        self.split = split
        super().__init__(ann_file='', pipeline=pipeline, test_mode=split == 'test', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return one dict per sample."""
        images, labels = digits.load_split(self.split)
        return [
            {'img': image, 'img_shape': image.shape[:2], 'ori_shape': image.shape[:2], 'gt_label': int(label)}
            for image, label in zip(images, labels, strict=True)
        ]

    def extra_repr(self) -> list[str]:
        """Return what distinguishes this data set in its representation."""
        return [f'Split: \t{self.split}']


@DATASETS.register_module()
class ImageFolder(BaseDataset):
    """Any folder of images, with a folder for every class: ``root/<class>/*.jpg``; the classes are those found.

    Args:
        split: 'train', 'val' or 'all'. The folder's own train/ and val/ or test/ where it has them; else a fifth of
            every class is 'val', the same images every time. Default: 'train'.
        data_root: The folder.
        pipeline: Transforms of mmpretrain.
        **kwargs: Further arguments of mmpretrain's BaseDataset.

    Raises:
        DataError: if there is no such folder or split, or a class has no image.
    """

    def __init__(self, split: str = 'train', data_root: str = '', pipeline: Sequence[Any] = (), **kwargs: Any) -> None:
        self.split = split
        super().__init__(ann_file='', data_root=data_root, pipeline=pipeline, test_mode=split != 'train', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return one dict per image."""
        found = read_folder(self.data_root, self.split)
        self._metainfo.setdefault('classes', found.class_names)
        return [{'img_path': path, 'gt_label': label} for path, label in zip(found.paths, found.labels, strict=True)]

    def extra_repr(self) -> list[str]:
        """Return what distinguishes this data set in its representation."""
        return [f'Root of dataset: \t{self.data_root}', f'Split: \t{self.split}']
