"""Learning from a teacher.

Imports mmpretrain, which backbones alone must not: a config names this module in ``custom_imports``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS as CLASSIFIERS
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.registry import MODELS
from shufflenet_zoo.weights.fetch import fetch_checkpoint


@MODELS.register_module()
class DistilledClassifier(ImageClassifier):
    """A classifier that learns from labels and from the scores of a teacher (Hinton et al., 2015).

    The teacher exists during training only and is in no checkpoint: what is saved is a plain ImageClassifier's.

    Args:
        teacher: Config of the teacher, a classifier of the same classes; it sees what the student sees.
        checkpoint: The teacher's weights: a file or an address.
        temperature: What scores are divided by before the softmax. Default: 1.
        weight: Weight of the divergence from the teacher beside the head's own loss. Default: 1.
        **kwargs: As mmpretrain's ImageClassifier.
    """

    def __init__(
        self,
        *,
        teacher: Mapping[str, Any],
        checkpoint: str,
        temperature: float = 1.0,
        weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._teacher_config, self._checkpoint = teacher, checkpoint
        self._temperature, self._weight = temperature, weight
        # In a list, so that neither state dict nor optimizer have it.
        self._teacher: list[nn.Module] = []

    def init_weights(self) -> None:
        """Initialise the student and load the teacher; a runner calls it before it trains.

        Raises:
            CheckpointError: if the teacher's weights cannot be had or do not fit it.
        """
        super().init_weights()
        teacher = CLASSIFIERS.build(self._teacher_config).eval().requires_grad_(False)
        load_strictly(teacher, fetch_checkpoint(self._checkpoint), self._checkpoint)
        self._teacher = [teacher]

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """Return the head's losses and ``loss_distillation``.

        Args:
            inputs: Images of shape (N, C, H, W).
            data_samples: Their labels.
        """
        features = self.extract_feat(inputs)
        with torch.no_grad():
            taught = self._teacher[0].to(inputs.device)(inputs)
        learnt, taught = (log_softmax(scores / self._temperature, dim=1) for scores in (self.head(features), taught))
        # The square keeps the gradients' size whatever the temperature is.
        divergence = kl_div(learnt, taught, reduction='batchmean', log_target=True) * self._temperature**2
        return {**self.head.loss(features, data_samples), 'loss_distillation': self._weight * divergence}
