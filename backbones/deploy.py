"""The deploy form: the same function as a trained network in evaluation mode, without BatchNorm and V2's shuffles."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from shufflenet_zoo.arch import STEM_OUTPUT
from shufflenet_zoo.arch.routes import is_natural
from shufflenet_zoo.backbones.base import ShuffleNet, channels_last_on_cpu, check_images
from shufflenet_zoo.backbones.deploy_v2 import DeployedStageV2
from shufflenet_zoo.backbones.folding import Reorder, fold
from shufflenet_zoo.backbones.layers import channel_shuffle
from shufflenet_zoo.backbones.pooling import exportable_pool
from shufflenet_zoo.backbones.shufflenet_v1 import ShuffleUnit
from shufflenet_zoo.backbones.shufflenet_v2 import ShuffleNetV2
from shufflenet_zoo.errors import ArgumentError


class DeployedUnitV1(nn.Module):
    """A unit of V1 without BatchNorm.

    Args:
        unit: The unit to copy.
    """

    def __init__(self, unit: ShuffleUnit) -> None:
        super().__init__()
        self.plan = unit.unit
        self.bottleneck = nn.Sequential(fold(unit.g_conv_1x1_compress), fold(unit.depthwise_conv3x3_bn))
        self.expand = fold(unit.g_conv_1x1_expand)
        self.act = copy.deepcopy(unit.act)
        if self.plan.combine == 'concat':
            pool = exportable_pool(unit.avgpool, self.plan.in_channels)
            self.shortcut = pool.to(unit.g_conv_1x1_expand.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bottleneck(x)
        if self.plan.shuffle_groups > 1:
            out = channel_shuffle(out, self.plan.shuffle_groups, pixelwise=True)
        out = self.expand(out)
        if self.plan.combine == 'add':
            return self.act(x + out)
        return torch.cat((self.shortcut(x), self.act(out)), 1)


class DeployedShuffleNet(nn.Module):
    """A backbone for inference; made by ``to_deploy``.

    Args:
        backbone: The trained backbone.

    Attributes:
        out_channels (tuple[int, ...]): Channels of the outputs.
        out_strides (tuple[int, ...]): Strides of the outputs relative to the images.
    """

    def __init__(self, backbone: ShuffleNet) -> None:
        super().__init__()
        self.plan = backbone.plan
        self.out_channels = backbone.out_channels
        self.out_strides = backbone.out_strides
        stem = [backbone.conv1] if len(self.plan.stem.convs) == 1 else backbone.conv1
        self.stem = nn.Sequential(*map(fold, stem), exportable_pool(backbone.maxpool, self.plan.stem.out_channels))
        self.layers = nn.ModuleList()
        # What brings the channels of a requested output back into their order; a layer's index is the key.
        self.outputs = nn.ModuleDict()
        order = np.arange(self.plan.stem.out_channels)
        last = max((index for index in self.plan.out_indices if index != STEM_OUTPUT), default=-1)
        for index, layer in enumerate(backbone.layers[: last + 1]):
            deployed, order = self._deploy(backbone, layer, index, order)
            self.layers.append(deployed)
            if index in self.plan.out_indices:
                self.outputs[str(index)] = nn.Identity() if is_natural(order) else Reorder(np.argsort(order))
        self.eval().requires_grad_(False)

    @staticmethod
    def _deploy(backbone: ShuffleNet, layer: nn.Module, index: int, order: np.ndarray) -> tuple[nn.Module, np.ndarray]:
        """Copy a layer that reads channels in the given order; return it and the order that it writes."""
        if index == len(backbone.plan.stages):
            return fold(layer, inputs=order), np.arange(backbone.plan.last_conv.out_channels)
        if isinstance(backbone, ShuffleNetV2):
            stage = DeployedStageV2(layer, order)
            return stage, stage.order
        return nn.Sequential(*map(DeployedUnitV1, layer)), order

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute what the trained backbone's forward computes in evaluation mode."""
        x = check_images(x, self.plan.in_channels, self.plan.min_size)
        x = self.stem(channels_last_on_cpu(x))
        outputs = [x] if STEM_OUTPUT in self.plan.out_indices else []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if str(index) in self.outputs:
                outputs.append(self.outputs[str(index)](x))
        # Some operators of detection read memory as if it were channel by channel.
        return tuple(output.contiguous() for output in outputs)


def to_deploy(model: nn.Module) -> nn.Module:
    """Copy a trained network into its deploy form.

    BatchNorm is folded into the convolutions; V2's shuffles, splits and copies of identity halves disappear.
    Norms other than BatchNorm stay as they are, and the rest is rewritten around them. The result takes any batch and
    image size, and can be traced, compiled and exported. It is for inference: in evaluation mode, without gradients.

    Args:
        model: A ShuffleNetV1 or ShuffleNetV2, or a model whose ``backbone`` is one, such as an ImageClassifier. It
            is left as it is.

    Returns:
        A backbone whose outputs, or a model whose backbone's outputs, are those of ``model`` in evaluation mode to
        a relative difference of 1e-5.

    Raises:
        ArgumentError: if the model has no such backbone.

    Examples:
        >>> backbone = to_deploy(ShuffleNetV2())
        >>> [tuple(f.shape) for f in backbone(torch.rand(1, 3, 224, 224))]
        [(1, 1024, 7, 7)]
    """
    if isinstance(model, ShuffleNet):
        return DeployedShuffleNet(model)
    backbone = getattr(model, 'backbone', None)
    if not isinstance(backbone, ShuffleNet):
        raise ArgumentError(
            f'to_deploy takes a ShuffleNetV1, a ShuffleNetV2, or a model whose backbone is one, '
            f'got {type(model).__name__}' + (f' with the backbone {type(backbone).__name__}' if backbone else '')
        )
    # The deployed backbone takes the place of the copy that deepcopy would make.
    return copy.deepcopy(model, {id(backbone): DeployedShuffleNet(backbone)}).eval().requires_grad_(False)
