"""Metrics of classification, as mmpretrain's evaluators compute them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require


class Accuracy:
    """Top-k accuracy in per cent.

    Args:
        topk: The k, one or several.
        prefix: What the names of the metrics begin with. Default: 'accuracy'.
    """

    def __init__(self, topk: int | Sequence[int] = (1,), prefix: str = 'accuracy') -> None:
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        self.prefix = prefix

    @property
    def names(self) -> list[str]:
        """The names of what it computes."""
        return [f'{self.prefix}/top{k}' for k in self.topk]

    def compute(self, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Compute the accuracies.

        Args:
            logits: float32 of shape (N, classes).
            labels: int of shape (N,).

        Returns:
            The accuracies by names such as 'accuracy/top1'.
        """
        ranks = np.argsort(-logits, axis=1, kind='stable')[:, : max(self.topk)]
        hits = ranks == labels[:, None]
        values = [float(hits[:, :k].any(axis=1).mean() * 100) for k in self.topk]
        return dict(zip(self.names, values, strict=True))


def build_evaluator(
    config: Mapping[str, Any] | Sequence[Mapping[str, Any]], key: str, num_classes: int
) -> list[Accuracy]:
    """Build the metrics of an evaluator.

    Args:
        config: The config's ``val_evaluator`` or ``test_evaluator``.
        key: Its name in the config.
        num_classes: Classes of the model.

    Raises:
        ConfigError: if this backend does not have a metric or one of its arguments.
    """
    items = [config] if isinstance(config, Mapping) else list(config)
    return [_build_metric(item, key, num_classes) for item in items]


def _build_metric(config: Mapping[str, Any], key: str, num_classes: int) -> Accuracy:
    choose(config, key, {'Accuracy': Accuracy})
    check_keys(config, key, ('topk', 'thrs', 'collect_device', 'prefix'))
    # A softmax is never below zero, so that mmpretrain's default threshold of 0 changes nothing.
    require(config.get('thrs', 0.0) in (None, 0.0), f'{key}.thrs', config.get('thrs'), '0.0 or None')
    metric = Accuracy(config.get('topk', (1,)), config.get('prefix') or 'accuracy')
    require(max(metric.topk) <= num_classes, f'{key}.topk', metric.topk, f'at most the {num_classes} classes')
    return metric
