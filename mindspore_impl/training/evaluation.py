"""Evaluation of a model on one dataloader."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, nn

from shufflenet_zoo.mindspore_impl.data.loader import DataLoader, pad_batch
from shufflenet_zoo.mindspore_impl.training.metrics import Accuracy
from shufflenet_zoo.mindspore_impl.training.train_step import EvalStep

LOSS = 'val_loss'


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        metrics: The metrics, by name.
        loss: The mean loss.
        times: Mean seconds per batch, as mmengine names them: all of it, and what waiting for data takes.
        logits: float32 of shape (N, classes).
        labels: int32 of shape (N,).
    """

    metrics: dict[str, float]
    loss: float
    times: dict[str, float]
    logits: np.ndarray
    labels: np.ndarray


class Evaluator:
    """Evaluates a model; of several processes each its share, and all of them find the same.

    Args:
        model: Maps images to logits.
        loss: Maps logits and labels to the loss.
        loader: The data.
        metrics: The metrics.
    """

    def __init__(self, model: nn.Cell, loss: nn.Cell, loader: DataLoader, metrics: Sequence[Accuracy]) -> None:
        self._loss, self._loader, self._metrics = loss, loader, metrics
        self._step = EvalStep(model, loader.processes)

    @property
    def names(self) -> list[str]:
        """Names of the metrics and of the loss, the first metric first."""
        return [*(name for metric in self._metrics for name in metric.names), LOSS]

    @property
    def num_batches(self) -> int:
        """Batches of one evaluation."""
        return len(self._loader)

    @property
    def num_images(self) -> int:
        """Images of the data."""
        return len(self._loader.dataset)

    def run(self) -> Evaluation:
        """Evaluate."""
        self._step.set_train(False)
        logits, times = [], {'data_time': 0.0, 'time': 0.0}
        start = time.perf_counter()
        for images, _ in self._loader.epoch(0):
            times['data_time'] += time.perf_counter() - start
            padded = Tensor(pad_batch(images, self._loader.batch_size))
            logits.append(self._interleave(self._step(padded).asnumpy(), len(images)))
            times['time'] += time.perf_counter() - start
            start = time.perf_counter()
        order = self._loader.order(0)
        all_logits = np.concatenate(logits)[: len(order)]  # without what filled up the shares
        all_labels = self._loader.dataset.labels[order[: len(all_logits)]].astype(np.int32)
        metrics = {
            name: value for metric in self._metrics for name, value in metric.compute(all_logits, all_labels).items()
        }
        loss = float(self._loss(Tensor(all_logits), Tensor(all_labels)).asnumpy())
        return Evaluation(
            metrics, loss, {name: total / len(logits) for name, total in times.items()}, all_logits, all_labels
        )

    def _interleave(self, gathered: np.ndarray, count: int) -> np.ndarray:
        """Return the logits of a batch in the order of the data, without those that filled up the batch."""
        count_all = self._loader.processes.count
        by_process = gathered.reshape(count_all, -1, gathered.shape[1])[:, :count]
        return by_process.swapaxes(0, 1).reshape(-1, gathered.shape[1])
