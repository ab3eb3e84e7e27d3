"""The stages of a training pipeline in PyTorch: mmpretrain's transforms, batching and normalising."""

from collections.abc import Mapping
from typing import Any

import mmpretrain.datasets  # noqa: F401  registers the transforms
import torch
from mmengine.dataset import default_collate
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import TRANSFORMS

from shufflenet_zoo.benchmark.pipeline_worker import Stages


def stages(orders: Mapping[str, Any]) -> Stages:
    """Yield the stages in their order, each on what the one before it made."""
    torch.set_num_threads(1)
    samples = [{'img_path': path, 'gt_label': 0} for path in orders['paths']]
    for config in orders['pipeline']:
        transform = TRANSFORMS.build(config)
        yield config['type'], lambda: [transform(dict(sample)) for sample in samples], ''  # noqa: B023 - run at once
        samples = [transform(dict(sample)) for sample in samples]
    yield 'batching', lambda: default_collate(samples), ''
    batch, preprocessor = default_collate(samples), ClsDataPreprocessor(**orders['preprocessor'])
    yield 'normalising', lambda: preprocessor(batch, training=True), ''
