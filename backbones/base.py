"""What ShuffleNet V1 and V2 share: stem, outputs, freezing, initialisation."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, initialize, normal_init
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from shufflenet_zoo.arch import STEM_OUTPUT, Architecture, V1Unit, V2Unit
from shufflenet_zoo.arch.units import check_flags
from shufflenet_zoo.backbones.checkpointing import run_checkpointed
from shufflenet_zoo.backbones.layers import LayerConfig, max_pool
from shufflenet_zoo.backbones.loading import load_pretrained
from shufflenet_zoo.backbones.tracing import is_recorded, stores_pixels
from shufflenet_zoo.errors import ArgumentError


def check_images(x: Tensor, in_channels: int, min_size: int) -> Tensor:
    """Return x unchanged if it is a batch of images that the network can take.

    Raises:
        ArgumentError: if x is not (N, in_channels, H, W) with H and W of at least min_size.
    """
    if is_recorded():
        return x
    if x.dim() != 4 or x.shape[1] != in_channels:
        raise ArgumentError(f'the input must have shape (N, {in_channels}, H, W), got {tuple(x.shape)}')
    if min(x.shape[2:]) < min_size:
        raise ArgumentError(
            f'the sides of the images must be at least {min_size} pixels, the largest requested stride; '
            f'got {tuple(x.shape[2:])}'
        )
    return x


def channels_last_on_cpu(x: Tensor) -> Tensor:
    """Return the same images stored pixel by pixel, where they are on the CPU and not exported.

    There a training step of V1 takes 0.6 times as long: BatchNorm, pools and grouped convolutions are faster.
    """
    return x.contiguous(memory_format=torch.channels_last) if stores_pixels(x) else x


# Leaves of symbolic traces, whose inputs have neither shape nor device.
torch.fx.wrap('check_images')
torch.fx.wrap('channels_last_on_cpu')


class Unit(BaseModule):
    """What a network is made of. Users build one from upstream's arguments, a network from its plan."""

    @classmethod
    def from_plan(cls, unit: V1Unit | V2Unit, layer_cfg: LayerConfig, with_cp: bool) -> 'Unit':
        """Build the unit of a plan.

        Args:
            unit: The plan.
            layer_cfg: How its layers are made.
            with_cp: Whether to recompute the activations in the backward pass rather than keep them.
        """
        module = cls.__new__(cls)
        BaseModule.__init__(module)
        module._build(unit, layer_cfg, with_cp)
        return module

    def _build(self, unit: V1Unit | V2Unit, layer_cfg: LayerConfig, with_cp: bool) -> None:
        self.unit = unit
        self.with_cp = with_cp
        self._add_layers(layer_cfg)

    @abstractmethod
    def _add_layers(self, layer_cfg: LayerConfig) -> None:
        """Make the layers of the unit's plan."""

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """Compute the output."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        return run_checkpointed(self, self._forward, x) if self.with_cp else self._forward(x)


class ShuffleNet(BaseModule):
    """A backbone built from a plan; ShuffleNetV1 and ShuffleNetV2 give the architecture and the unit.

    Attributes:
        architecture (Architecture): The network as a value.
        plan (Plan): The plan with the requested outputs.
        out_channels (tuple[int, ...]): Channels of the outputs.
        out_strides (tuple[int, ...]): Strides of the outputs relative to the images.
        feature_info (tuple[FeatureInfo, ...]): Index, channels and stride of every output.
        train_memory_format (torch.memory_format): How feature maps are stored in training on a CPU, where one or the
            other is faster: torch.channels_last, the default, or torch.contiguous_format.
    """

    def __init__(
        self,
        architecture: Architecture,
        out_indices: Sequence[int | str] | int | str | None,
        frozen_stages: int | str,
        layer_cfg: LayerConfig,
        norm_eval: bool,
        with_cp: bool,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None,
    ) -> None:
        check_flags(norm_eval=norm_eval, with_cp=with_cp)
        super().__init__(init_cfg)
        self.architecture = architecture
        self.plan = plan = architecture.plan_with(out_indices, frozen_stages)
        self.frozen_stages = frozen_stages
        self.in_channels = plan.in_channels
        self.out_indices = plan.out_indices
        self.out_channels = plan.out_channels
        self.out_strides = plan.out_strides
        self.feature_info = plan.feature_info
        self.layer_cfg = layer_cfg
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.train_memory_format = torch.channels_last

        stem = [layer_cfg.conv(conv) for conv in plan.stem.convs]
        self.conv1 = stem[0] if len(stem) == 1 else nn.Sequential(*stem)
        self.maxpool = max_pool(plan.stem.pool_padding) if plan.stem.pool else nn.Identity()
        self.layers = nn.ModuleList(nn.Sequential(*(self._build_unit(unit) for unit in stage)) for stage in plan.stages)
        if plan.last_conv:
            self.layers.append(layer_cfg.conv(plan.last_conv))
        self._last_layer = max((i for i in plan.out_indices if i != STEM_OUTPUT), default=-1)
        self._freeze()

    def _freeze(self) -> None:
        """Keep the frozen parts from being trained, and the layers behind the last output.

        Upstream has these layers, and its checkpoints load strictly; forward stops before them, and distributed
        training would wait for their gradients.
        """
        frozen = [self.conv1, *self.layers[: self.plan.frozen_layers]] if self.plan.frozen_layers >= 0 else []
        for part in (*frozen, *self.layers[self._last_layer + 1 :]):
            part.eval().requires_grad_(False)

    @abstractmethod
    def _build_unit(self, unit: V1Unit | V2Unit) -> nn.Module:
        """Build one unit of the plan."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the requested outputs.

        Args:
            x: Images of shape (N, in_channels, H, W).

        Returns:
            One feature map of shape (N, out_channels[i], ceil(H / out_strides[i]), ceil(W / out_strides[i])) for
            every item of out_indices, in the order of the layers; with pool_padding='ceil', whose pool leaves out the
            last of an odd number of rows or columns, H and W count as if these were not there.

        Raises:
            ArgumentError: if the channels are not in_channels or a side is below the largest requested stride.
        """
        x = check_images(x, self.in_channels, self.plan.min_size)
        # In evaluation mode, features are bit-equal to mmpretrain's.
        if self.training and self.train_memory_format == torch.channels_last:
            x = channels_last_on_cpu(x)
        x = self.maxpool(self.conv1(x))
        outputs = [x] if STEM_OUTPUT in self.out_indices else []
        for i, layer in enumerate(self.layers):
            if i > self._last_layer:
                break
            x = layer(x)
            if i in self.out_indices:
                outputs.append(x)
        # Some operators of detection read memory as if it were channel by channel.
        return tuple(output.contiguous() for output in outputs) if self.training else tuple(outputs)

    def train(self, mode: bool = True) -> 'ShuffleNet':
        """Set the training mode; frozen parts, and with norm_eval every BatchNorm, stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def init_weights(self) -> None:
        """Initialise as the official release does, then apply init_cfg, which may load a checkpoint."""
        # mmengine lets the children initialise themselves after init_cfg; here init_cfg has the last word.
        init_cfg, self.init_cfg = self.init_cfg, None
        super().init_weights()
        self.init_cfg = init_cfg
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                normal_init(module, mean=0, std=0.01 if name.startswith('conv1') else 1 / module.weight.shape[1])
            elif isinstance(module, (_BatchNorm, nn.GroupNorm, nn.LayerNorm)):
                constant_init(module, val=1, bias=0.0001)
        for cfg in [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []:
            if cfg.get('type') == 'Pretrained':
                load_pretrained(self, **{key: value for key, value in cfg.items() if key != 'type'})
            else:
                initialize(self, cfg)

    def _dump_init_info(self) -> None:
        """Keep mmengine from logging every parameter: the whole initialisation is described above."""
