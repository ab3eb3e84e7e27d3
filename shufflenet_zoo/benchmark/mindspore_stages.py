"""The stages of a training pipeline in MindSpore: our transforms, batching and normalising."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from shufflenet_zoo.benchmark.pipeline_worker import Stages
from shufflenet_zoo.mindspore_impl.data.preprocessor import Preprocessor
from shufflenet_zoo.mindspore_impl.data.transforms import build_transform


def stages(orders: Mapping[str, Any]) -> Stages:
    """Yield the stages in their order, each on what the one before it made."""
    samples: list[Any] = list(orders['paths'])
    randoms = np.random.RandomState(0)
    for index, config in enumerate(orders['pipeline']):
        transform = build_transform(config, f'pipeline.{index}')
        yield config['type'], lambda: [transform(sample, randoms) for sample in samples], ''  # noqa: B023 - run at once
        samples = [transform(sample, randoms) for sample in samples]
    yield 'batching', lambda: np.stack(samples), ''
    batch, preprocessor = np.stack(samples), Preprocessor(orders['preprocessor'])
    yield 'normalising', lambda: preprocessor(batch), ''
