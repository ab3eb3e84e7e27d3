"""Random numbers that depend on the seed and the position in the training alone.

A resumed training must draw what the uninterrupted one draws, whatever was drawn before in this process and
however many workers load the data. So every sample and every iteration gets a seed of its own.
"""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Dataset, Sampler

from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.jobs.seeds import ITERATION_STREAM, SAMPLE_STREAM, derive_seed


def seed_all(seed: int) -> None:
    """Seed every source of random numbers that augmentations and models draw from."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class _Draw(int):
    """The index of a sample, carrying the seed of its augmentation to the worker that loads it."""

    seed: int


class _Delegate:
    """Gives access to the attributes of the wrapped object, which hooks and batch samplers use."""

    _wrapped: Any

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == '_wrapped':
            raise AttributeError(name)
        return getattr(self._wrapped, name)

    def __len__(self) -> int:
        return len(self._wrapped)


class SeededDataset(_Delegate, Dataset):
    """A data set that seeds the random numbers before it loads a training sample, and names a file that is broken.

    Args:
        dataset: Config of the data set.
    """

    def __init__(self, dataset: dict) -> None:
        self._wrapped = DATASETS.build(dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == '_wrapped':
            super().__setattr__(name, value)
        else:  # hooks exchange the pipeline of a data set
            setattr(self._wrapped, name, value)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, _Draw):
            seed_all(index.seed)
        try:
            return self._wrapped[int(index)]
        except Exception:
            self._check_file(int(index))
            raise

    def _check_file(self, index: int) -> None:
        """Read the image of a sample that could not be loaded, by ourselves.

        Raises:
            DataError: if it is missing or no image.
        """
        get_info = getattr(self._wrapped, 'get_data_info', None)
        path = get_info(index).get('img_path') if get_info else None
        if path and '://' not in path:
            read_image(path)


class SeededSampler(_Delegate, Sampler):
    """A sampler whose indices carry a seed derived from the base seed, the epoch and the position in the epoch.

    Args:
        sampler: Config of the sampler.
        dataset: The data set.
        seed: Seed of the sampler's order; None lets the sampler choose.
        base_seed: Seed of the training.
    """

    def __init__(self, sampler: dict, dataset: Any, seed: int | None, base_seed: int) -> None:
        self._wrapped = DATA_SAMPLERS.build(sampler, default_args={'dataset': dataset, 'seed': seed})
        self.base_seed = base_seed
        self.epoch = 0
        self._done = 0

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch comes next."""
        self.epoch = epoch
        if hasattr(self._wrapped, 'set_epoch'):
            self._wrapped.set_epoch(epoch)

    def skip(self, count: int) -> None:
        """Leave out so many samples at the beginning of the next epoch."""
        self._done = count

    def __iter__(self) -> Iterator[int]:
        done, self._done = self._done, 0
        for position, index in islice(enumerate(self._wrapped), done, None):
            draw = _Draw(index)
            draw.seed = derive_seed(self.base_seed, SAMPLE_STREAM, get_rank(), self.epoch, position)
            yield draw


class IterationSeedHook(Hook):
    """Seeds the random numbers of the model (dropout, mixing of batches) before every training iteration."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed by the number of the iteration."""
        seed_all(derive_seed(runner.seed, ITERATION_STREAM, get_rank(), runner.iter))
