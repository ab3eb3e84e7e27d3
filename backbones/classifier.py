"""Image classifiers: backbone, global average pooling and linear head, named as in mmpretrain."""

from typing import Self

import numpy as np
import torch
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from shufflenet_zoo.arch.units import check_positive
from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.registry import MODELS
from shufflenet_zoo.weights.fetch import as_checkpoint
from shufflenet_zoo.weights.hub import HubMixin, Saved


@MODELS.register_module()
class GlobalAveragePooling(nn.Module):
    """Averages every channel of every feature map: (N, C, H, W) to (N, C).

    Args:
        dropout: The share of channels that training leaves out behind the average. Default: 0.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        # As mmpretrain does it: a mean over the axes would be another operator in exported files.
        return tuple(self.dropout(adaptive_avg_pool2d(feature, 1).flatten(1)) for feature in features)


class LinearClsHead(nn.Module):
    """A linear classifier on the last of the features.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the last feature.

    Raises:
        ArgumentError: if num_classes is no positive integer.
    """

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        check_positive('num_classes', num_classes)
        self.fc = nn.Linear(in_channels, num_classes)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.fc(features[-1])


class ImageClassifier(HubMixin, nn.Module):
    """Maps images to the classes' scores before the softmax.

    Args:
        backbone: Maps images to features.
        neck: Pools the features.
        head: Maps the pooled features to scores.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    @classmethod
    def around(cls, backbone: nn.Module, num_classes: int, in_channels: int | None = None) -> 'ImageClassifier':
        """Put pooling and a linear classifier behind a backbone.

        Args:
            backbone: A ShuffleNetV1 or ShuffleNetV2, ours or mmpretrain's.
            num_classes: Number of classes.
            in_channels: Channels of the last feature. Default: None, those that the backbone announces.

        Raises:
            ArgumentError: if num_classes is no positive integer.
        """
        head = LinearClsHead(num_classes, in_channels or backbone.out_channels[-1])
        return cls(backbone, GlobalAveragePooling(), head)

    @classmethod
    def _from_saved(cls, saved: Saved) -> Self:
        model = cls.around(MODELS.build(saved.backbone), saved.num_classes)
        load_strictly(model, as_checkpoint(saved.content), saved.origin)
        return model.eval()

    def _arrays(self) -> dict[str, np.ndarray]:
        # numpy has no bfloat16.
        single = {name: t.float() if t.dtype == torch.bfloat16 else t for name, t in self.state_dict().items()}
        return {name: tensor.numpy(force=True) for name, tensor in single.items()}

    def init_weights(self) -> None:
        """Initialise as the official release does, with mmpretrain's draws."""
        self.backbone.init_weights()
        normal_init(self.head.fc, std=0.01)

    def forward(self, images: Tensor) -> Tensor:
        """Map images of shape (N, in_channels, H, W) to logits of shape (N, num_classes)."""
        return self.head(self.neck(self.backbone(images)))


class ClassifierWithFeatures(ImageClassifier):
    """An ImageClassifier that also gives what its logits are computed from."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images of shape (N, in_channels, H, W) to the backbone's features, and the logits at the end."""
        features = self.backbone(images)
        return (*features, self.head(self.neck(features)))
