"""Configs for weights that come without one: what tests them, or runs them on images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.convert import Weights, head_classes
from shufflenet_zoo.weights.description import check_types
from shufflenet_zoo.weights.zoo import read_any

# mmpretrain's data set of image files.
FOLDER = 'CustomDataset'
_BATCH_SIZE = 64


def config_for(source: str | Path, data: str | Path | None = None) -> Config:
    """Return the config of a classifier from what its weights say about themselves.

    Args:
        source: 'zoo://' and a name of the index, or a weight file that tells its backbone and preprocessing.
        data: A folder with a folder of images for every class, to test on, in the order of the classes. Default:
            None; the config is for predictions.

    Raises:
        CheckpointError: if the weights cannot be had, have no head, or do not say what becomes of an image.
    """
    return config_of(read_any(source), source, {'type': FOLDER, 'data_root': str(data or '')})


def config_of(weights: Weights, source: str | Path, dataset: Mapping[str, Any]) -> Config:
    """Return the config of a classifier from its weights.

    Args:
        weights: The weights.
        source: What they are called in messages.
        dataset: The test data set without its pipeline, which the weights tell.

    Raises:
        CheckpointError: if the weights have no head, or do not say what becomes of an image.
    """
    said, classes = weights.description, head_classes(weights)
    if classes is None:
        raise CheckpointError(f'{source} has the weights of a backbone alone, which tells no classes')
    if not said.preprocessing:
        raise CheckpointError(
            f'{source} does not say what becomes of an image before the network; give the config that it was trained '
            f'with'
        )
    check_types(said.preprocessing, f'{source}: the preprocessing that it tells')
    normalisation = {key: said.preprocessing[key] for key in ('mean', 'std', 'to_rgb') if key in said.preprocessing}
    pipeline = [
        *([{'type': 'LoadImageFromFile'}] if dataset['type'] == FOLDER else []),
        *({**step} for step in said.preprocessing.get('pipeline', ())),
        {'type': 'PackInputs'},
    ]
    head = {'type': 'LinearClsHead', 'num_classes': classes, 'in_channels': said.architecture.plan.out_channels[-1]}
    content: dict[str, Any] = {
        'default_scope': 'mmpretrain',
        'model': {
            'type': 'ImageClassifier',
            'backbone': said.backbone,
            'neck': {'type': 'GlobalAveragePooling'},
            'head': head,
        },
        'data_preprocessor': {'num_classes': classes, **normalisation},
        'test_dataloader': {
            'batch_size': _BATCH_SIZE,
            'num_workers': 0,
            'dataset': {**dataset, 'pipeline': pipeline},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        'test_evaluator': {'type': 'Accuracy', 'topk': (1, min(5, classes))},
        'test_cfg': {},
    }
    if said.class_names:
        content['test_dataloader']['dataset']['metainfo'] = {'classes': list(said.class_names)}
    # There is no such file: with a text mmengine looks for none; the runners save configs as the suffix says.
    return Config(content, cfg_text=f'# of {source}', filename=f'{source}.py')
