"""MindData pipelines of the config's dataloaders."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import mindspore.dataset as minddata
import numpy as np

from shufflenet_zoo.errors import DataError, ShuffleNetZooError
from shufflenet_zoo.jobs.seeds import SAMPLE_STREAM, derive_seed
from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require
from shufflenet_zoo.mindspore_impl.data.datasets import ImageDataset, build_dataset
from shufflenet_zoo.mindspore_impl.data.preprocessor import Preprocessor
from shufflenet_zoo.mindspore_impl.data.sampler import epoch_order, share
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline
from shufflenet_zoo.mindspore_impl.processes import ALONE, Processes

# How torch's loader and its workers hand batches over; nothing that changes a batch.
_TRANSPORT_KEYS = ('persistent_workers', 'pin_memory', 'prefetch_factor', 'timeout')
_LOADER_KEYS = ('batch_size', 'num_workers', 'dataset', 'sampler', 'drop_last', 'collate_fn', *_TRANSPORT_KEYS)


class _Draws:
    """What MindData reads from: the samples of an epoch in their order, each with the seed of its augmentation."""

    def __init__(self, dataset: ImageDataset, order: np.ndarray, seeds: Sequence[int]) -> None:
        self.dataset, self.order, self.seeds = dataset, order, seeds

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        index = self.order[position]
        return np.array(index), np.array(self.seeds[position]), self.dataset.labels[index]


class DataLoader:
    """One dataloader of a config; of several processes each has its share of the samples.

    Args:
        config: The dataloader's section.
        key: Its name in the config.
        preprocessor: Normalises the batches.
        num_classes: Classes of the model.
        seed: Seed of the training.
        processes: The processes that share the samples; the batch size is that of each. Default: a single one.

    Raises:
        ConfigError: if this backend cannot honour the section.
        DataError: if the data is missing or damaged.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        key: str,
        preprocessor: Preprocessor,
        num_classes: int,
        seed: int,
        processes: Processes = ALONE,
    ) -> None:
        check_keys(config, key, _LOADER_KEYS)
        choose(
            config.get('collate_fn') or {},
            f'{key}.collate_fn',
            {'default_collate': None, 'pseudo_collate': None},
            'default_collate',
        )
        sampler = config.get('sampler') or {}
        choose(sampler, f'{key}.sampler', {'DefaultSampler': None}, 'DefaultSampler')
        check_keys(sampler, f'{key}.sampler', ('shuffle', 'seed', 'round_up'))
        self.key, self.processes = key, processes
        self.dataset = build_dataset(config['dataset'], f'{key}.dataset')
        if self.dataset.labels.max() >= num_classes:
            raise DataError(
                f'data of {key} has a label {self.dataset.labels.max()}; the model has {num_classes} '
                f'classes, from 0: correct model.head.num_classes or the data'
            )
        # MindData's threads share the cores already: threads of OpenCV's own in each of them would only wait.
        cv2.setNumThreads(0)
        self._pipelines: dict[int, Pipeline] = {}
        self.switch_pipeline(0, config['dataset'].get('pipeline', ()), f'{key}.dataset.pipeline')
        self.preprocessor = preprocessor
        self.batch_size = config.get('batch_size', 1)
        require(
            isinstance(self.batch_size, int) and self.batch_size > 0,
            f'{key}.batch_size',
            self.batch_size,
            'a positive number',
        )
        self.drop_last = bool(config.get('drop_last', False))
        self.shuffle = sampler.get('shuffle', True)
        self.round_up = sampler.get('round_up', True)
        self.order_seed = seed if sampler.get('seed') is None else sampler['seed']
        self.augmentation_seed = seed
        self.workers = min(max(config.get('num_workers', 0), 1), os.cpu_count() or 1)
        if not len(self):
            raise DataError(f'data of {key} has {len(self.dataset)} images, which make no batch of {self.batch_size}')
        self._error: ShuffleNetZooError | None = None

    def __len__(self) -> int:
        """Return the batches per epoch."""
        whole, rest = divmod(-(-len(self.dataset) // self.processes.count), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def switch_pipeline(self, epoch: int, transforms: Sequence[Mapping[str, Any]], key: str) -> None:
        """Prepare the images otherwise from an epoch on.

        Args:
            epoch: The epoch, from 0.
            transforms: Configs of the transforms.
            key: Their dotted name in the config.

        Raises:
            ConfigError: if this backend does not have a transform or one of its arguments.
        """
        self._pipelines[epoch] = Pipeline(transforms, key, self.dataset.has_files)

    def order(self, epoch: int) -> np.ndarray:
        """Return the samples of one epoch in their order, those of all processes."""
        return epoch_order(len(self.dataset), self.shuffle, self.order_seed, epoch)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield this process's batches of one epoch.

        Args:
            epoch: The epoch, from 0.
            first_batch: Batches to leave out, because a resumed training has seen them.

        Yields:
            Images, float32 of shape (N, C, H, W), and labels, int32 of shape (N,).

        Raises:
            DataError: if an image cannot be read.
        """
        rank = self.processes.rank
        order = share(self.order(epoch), rank, self.processes.count)
        seeds = [
            derive_seed(self.augmentation_seed, SAMPLE_STREAM, rank, epoch, position) for position in range(len(order))
        ]
        first = first_batch * self.batch_size
        pipe = minddata.GeneratorDataset(
            _Draws(self.dataset, order[first:], seeds[first:]),
            ['image', 'seed', 'label'],
            shuffle=False,
            python_multiprocessing=False,
        )
        pipeline = self._pipelines[max(begin for begin in self._pipelines if begin <= epoch)]
        pipe = pipe.map(
            partial(self._load, pipeline),
            ['image', 'seed'],
            ['image'],
            python_multiprocessing=False,
            num_parallel_workers=self.workers,
        )
        pipe = pipe.project(['image', 'label'])
        pipe = pipe.batch(self.batch_size, drop_remainder=self.drop_last)
        self._error = None
        try:
            for images, labels in pipe.create_tuple_iterator(num_epochs=1, output_numpy=True):
                yield self.preprocessor(images), labels.astype(np.int32)
        except RuntimeError as error:
            if self._error:
                raise self._error from error
            if 'shape' in str(error):
                raise DataError(
                    f'data of {self.key}: the images of a batch differ in size; end its pipeline with a '
                    f'crop or a Resize'
                ) from error
            raise

    def _load(self, pipeline: Pipeline, index: np.ndarray, seed: np.ndarray) -> np.ndarray:
        try:
            return pipeline(self.dataset.samples[int(index)], int(seed))
        except ShuffleNetZooError as error:  # MindData would bury it in a message of many lines
            self._error = error
            raise


def pad_batch(images: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last image until a batch has its full size, so that a compiled graph fits the last batch too."""
    missing = size - len(images)
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
