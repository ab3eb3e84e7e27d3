"""Losses of classification, with mmpretrain's names and meanings."""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from shufflenet_zoo.errors import ArgumentError

SMOOTHING_MODES = ('original', 'classy_vision')


class CrossEntropyLoss(nn.Cell):
    """Cross-entropy of a softmax, averaged over the batch.

    Args:
        loss_weight: Factor on the loss.
        class_weight: Factor on every class, which does not change what the mean divides by. Default: None, all 1.
    """

    def __init__(self, loss_weight: float = 1.0, class_weight: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.class_weight = 1.0 if class_weight is None else Tensor(np.asarray(class_weight, np.float32))

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: Scores before the softmax, of shape (N, classes).
            labels: Classes of shape (N,), or the share of every class, of shape (N, classes).

        Returns:
            The loss, a scalar.
        """
        shares = labels if labels.ndim == 2 else ops.one_hot(labels, logits.shape[1])
        losses = -self.class_weight * shares.astype(ms.float32) * ops.log_softmax(logits, 1)
        return self.loss_weight * losses.sum(1).mean()


class LabelSmoothLoss(nn.Cell):
    """Cross-entropy against smoothed labels (arXiv:1512.00567).

    Args:
        label_smooth_val: How much of the label is spread over all classes, in [0, 1).
        num_classes: Number of classes. Default: None, as many as there are logits.
        mode: 'original' spreads label_smooth_val, 'classy_vision' label_smooth_val / (1 + label_smooth_val).
        loss_weight: Factor on the loss.
        class_weight: Factor on every class. Default: None, all 1.

    Raises:
        ArgumentError: if label_smooth_val or mode is none of the above.
    """

    def __init__(
        self,
        label_smooth_val: float,
        num_classes: int | None = None,
        mode: str = 'original',
        loss_weight: float = 1.0,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(label_smooth_val, float) or not 0 <= label_smooth_val < 1:
            raise ArgumentError(f'label_smooth_val must be a float in [0, 1), got {label_smooth_val!r}')
        if mode not in SMOOTHING_MODES:
            raise ArgumentError(f'mode must be one of {", ".join(SMOOTHING_MODES)}; got {mode!r}')
        self.num_classes = num_classes
        self.spread = label_smooth_val / (1 + label_smooth_val) if mode == 'classy_vision' else label_smooth_val
        self.cross_entropy = CrossEntropyLoss(loss_weight, class_weight)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss, a scalar, from logits and labels as CrossEntropyLoss takes them."""
        classes = logits.shape[1]
        shares = labels if labels.ndim == 2 else ops.one_hot(labels, classes)
        return self.cross_entropy(logits, shares.astype(ms.float32) * (1 - self.spread) + self.spread / classes)
