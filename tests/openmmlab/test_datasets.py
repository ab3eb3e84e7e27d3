"""The digits as a registered data set, and seeds that travel with the samples."""

import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATASETS

from shufflenet_zoo.data import digits
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.openmmlab.seeding import SeededDataset, SeededSampler

CONFIG = {'type': 'shufflenet_zoo.Digits', 'split': 'test'}


def test_digits_are_registered():
    dataset = DATASETS.build(CONFIG)
    images, labels = digits.load_split('test')
    assert len(dataset) == len(images)
    assert dataset.metainfo['classes'] == digits.CLASSES
    assert np.array_equal(dataset[7]['img'], images[7])
    assert dataset.get_gt_labels().tolist() == labels.tolist()
    assert 'Split: \ttest' in repr(dataset)


def test_digits_in_a_pipeline():
    pipeline = [{'type': 'mmpretrain.ResizeEdge', 'scale': 16, 'edge': 'short'}, {'type': 'mmpretrain.PackInputs'}]
    sample = DATASETS.build(CONFIG | {'pipeline': pipeline, 'indices': 3})[0]
    assert sample['inputs'].shape == (3, 16, 16)
    assert sample['inputs'].dtype == torch.uint8
    assert sample['data_samples'].gt_label.item() == digits.load_split('test')[1][0]


def test_unknown_split():
    with pytest.raises(ArgumentError, match='val'):
        DATASETS.build(CONFIG | {'split': 'val'})


def draw(results: dict) -> dict:
    """Draw from every source of random numbers that a transform may use."""
    return results | {'drawn': (random.random(), np.random.rand(), torch.rand(1).item())}


def draws(base_seed: int, epoch: int, read_before: int = 0) -> list[tuple]:
    dataset = SeededDataset(CONFIG | {'pipeline': [draw], 'indices': 6})
    sampler = SeededSampler({'type': 'DefaultSampler', 'shuffle': True}, dataset, seed=0, base_seed=base_seed)
    sampler.set_epoch(epoch)
    for index in range(read_before):
        dataset[index]
    return [dataset[index]['drawn'] for index in sampler]


def test_draws_depend_on_seed_and_epoch_alone():
    assert draws(0, 1) == draws(0, 1, read_before=3)
    assert len(set(draws(0, 1) + draws(0, 2) + draws(1, 1))) == 18


def test_wrappers_pass_attributes_through():
    dataset = SeededDataset(CONFIG)
    dataset.test_mode = False  # as hooks do
    assert dataset._wrapped.test_mode is False
    assert dataset.metainfo['classes'] == digits.CLASSES
    sampler = SeededSampler({'type': 'DefaultSampler', 'shuffle': True}, dataset, seed=5, base_seed=0)
    sampler.set_epoch(2)
    plain = DefaultSampler(dataset, shuffle=True, seed=5)
    plain.set_epoch(2)
    assert list(map(int, sampler)) == list(plain)
    assert sampler.dataset is dataset
    assert len(sampler) == len(dataset)
