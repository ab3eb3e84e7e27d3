"""What ShuffleNet V1 and V2 share: stem, outputs, freezing, pretrained weights."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch import STEM_OUTPUT, Architecture, V1Unit, V2Unit
from shufflenet_zoo.arch.units import check_flags
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.layers import LayerConfig, MaxPool

# Standard deviation of the stem's initial weights in the official release.
STEM_STD = 0.01
_BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


@ops.constexpr(check=False)
def check_images(shape: tuple[int, ...], in_channels: int, min_size: int) -> None:
    """Check the shape of a batch of images; in Graph mode when the graph is compiled.

    Raises:
        ArgumentError: if the shape is not (N, in_channels, H, W) with H and W of at least min_size.
    """
    if len(shape) != 4 or shape[1] != in_channels:
        raise ArgumentError(f'the input must have shape (N, {in_channels}, H, W), got {tuple(shape)}')
    if min(shape[2:]) < min_size:
        raise ArgumentError(
            f'the sides of the images must be at least {min_size} pixels, the largest requested stride; '
            f'got {tuple(shape[2:])}'
        )


def load_pretrained(cell: nn.Cell, init_cfg: Mapping[str, Any] | None) -> None:
    """Do what mmengine's init_cfg of type 'Pretrained' does, strictly; MindSpore knows no other type.

    Args:
        cell: The network.
        init_cfg: None, or dict(type='Pretrained', checkpoint=FILE), with prefix='backbone.' for the backbone of a
            classifier's file.

    Raises:
        ArgumentError: if init_cfg is something else.
        CheckpointError: if the file does not fit the network.
    """
    if init_cfg is None:
        return
    known = isinstance(init_cfg, Mapping) and init_cfg.get('type') == 'Pretrained' and init_cfg.get('checkpoint')
    if not known or set(init_cfg) - {'type', 'checkpoint', 'prefix'}:
        raise ArgumentError(
            f"init_cfg must be None or dict(type='Pretrained', checkpoint=FILE, prefix=...) in "
            f'MindSpore; got {init_cfg}'
        )
    prefix = init_cfg.get('prefix') or ''
    load_weights(cell, init_cfg['checkpoint'], f'{prefix.rstrip(".")}.' if prefix else '')


class ShuffleNet(nn.Cell):
    """A backbone built from a plan; ShuffleNetV1 and ShuffleNetV2 give the architecture and the unit.

    Attributes:
        architecture (Architecture): The network as a value.
        plan (Plan): The plan with the requested outputs.
        out_channels (tuple[int, ...]): Channels of the outputs.
        out_strides (tuple[int, ...]): Strides of the outputs relative to the images.
        feature_info (tuple[FeatureInfo, ...]): Index, channels and stride of every output.
    """

    def __init__(
        self,
        architecture: Architecture,
        out_indices: Sequence[int | str] | int | str | None,
        frozen_stages: int | str,
        layer_cfg: LayerConfig,
        norm_eval: bool,
        with_cp: bool,
        init_cfg: dict[str, Any] | None,
    ) -> None:
        check_flags(norm_eval=norm_eval, with_cp=with_cp)
        super().__init__()
        self.architecture = architecture
        self.plan = plan = architecture.plan_with(out_indices, frozen_stages)
        self.frozen_stages = frozen_stages
        self.in_channels = plan.in_channels
        self.min_size = plan.min_size
        self.out_indices = plan.out_indices
        self.out_channels = plan.out_channels
        self.out_strides = plan.out_strides
        self.feature_info = plan.feature_info
        self.layer_cfg = layer_cfg
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.init_cfg = init_cfg

        stem = [layer_cfg.conv(conv, STEM_STD) for conv in plan.stem.convs]
        self.conv1 = stem[0] if len(stem) == 1 else nn.SequentialCell(*stem)
        self.maxpool = MaxPool(plan.stem.pool_padding) if plan.stem.pool else nn.Identity()
        layers = [nn.SequentialCell(*(self._build_unit(unit) for unit in stage)) for stage in plan.stages]
        if plan.last_conv:
            layers.append(layer_cfg.conv(plan.last_conv))
        self.layers = nn.CellList(layers)
        # Layers behind the last output exist as in PyTorch, so that checkpoints load strictly; they neither run nor
        # train.
        indices = [i for i in plan.out_indices if i != STEM_OUTPUT]
        self._returns_stem = STEM_OUTPUT in plan.out_indices
        self._returns = tuple(i in indices for i in range(max(indices, default=-1) + 1))
        frozen = [self.conv1, *layers[: plan.frozen_layers]] if plan.frozen_layers >= 0 else []
        self._frozen = [*frozen, *layers[len(self._returns) :]]
        for part in self._frozen:
            for parameter in part.trainable_params():
                parameter.requires_grad = False
        load_pretrained(self, init_cfg)

    @abstractmethod
    def _build_unit(self, unit: V1Unit | V2Unit) -> nn.Cell:
        """Build one unit of the plan."""

    def construct(self, x: Tensor) -> tuple[Tensor, ...]:
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
        check_images(x.shape, self.in_channels, self.min_size)
        x = self.maxpool(self.conv1(x))
        outputs = (x,) if self._returns_stem else ()
        for i, returned in enumerate(self._returns):
            x = self.layers[i](x)
            if returned:
                outputs += (x,)
        return outputs

    def add_flags_recursive(self, **flags: Any) -> 'ShuffleNet':
        """Set flags of all cells; frozen parts, and with norm_eval every BatchNorm, stay in evaluation mode.

        Cell.set_train of this cell and of every cell around it passes through here.
        """
        super().add_flags_recursive(**flags)
        if flags.get('training'):
            for part in self._frozen:
                part.add_flags_recursive(training=False)
            for _, cell in self.cells_and_names():
                if self.norm_eval and isinstance(cell, _BATCH_NORMS):
                    cell.add_flags(training=False)
        return self
