"""The deploy form: the same function as a trained network in evaluation mode, without BatchNorm and V2's shuffles."""

from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from shufflenet_zoo.arch import STEM_OUTPUT, V2Unit
from shufflenet_zoo.arch.routes import Slice, is_natural, route_stage
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.mindspore_impl.base import ShuffleNet
from shufflenet_zoo.mindspore_impl.classifier import ImageClassifier
from shufflenet_zoo.mindspore_impl.folding import Reorder, constant, copy_cell, fold, fold_chain, is_foldable
from shufflenet_zoo.mindspore_impl.layers import ConvModule, SqueezeExcitation
from shufflenet_zoo.mindspore_impl.shufflenet_v1 import ShuffleUnit
from shufflenet_zoo.mindspore_impl.shufflenet_v2 import InvertedResidual, ShuffleNetV2


class Concatenation(nn.Cell):
    """Concatenates slices of the channels of (N, C, H, W).

    Ten slices of 8x120x28x28 take 0.25 ms by narrow, 1.2 by indexing and 1.3 by split.
    """

    def __init__(self, slices: Sequence[Slice]) -> None:
        super().__init__()
        self.slices = tuple((s.source, s.first, s.last, s.step) for s in slices)

    def construct(self, sources: tuple[Tensor, ...]) -> Tensor:
        parts = ()
        for source, first, last, step in self.slices:
            if step == 1:
                parts += (ops.narrow(sources[source], 1, first, last - first),)
            else:
                parts += (sources[source][:, first:last:step],)
        return parts[0] if len(parts) == 1 else ops.concat(parts, 1)


class BorderedMaxPool(nn.Cell):
    """The stem's pool for images of any size, behind a border that repeats the outermost pixels.

    A repeated pixel lies in the window of the one that it repeats, so it changes no maximum. So the pool needs no
    padding, which ONNX export does not know, and 8x24x112x112 take 7 ms where a padding by nn.Pad takes 43.

    Args:
        before: Whether there is a border above and on the left, besides that below and on the right.
    """

    def __init__(self, before: bool) -> None:
        super().__init__()
        self.before = before
        self.pool = nn.MaxPool2d(3, stride=2, pad_mode='valid')

    def construct(self, x: Tensor) -> Tensor:
        last = x[:, :, -1:]
        x = ops.concat((x[:, :, :1], x, last) if self.before else (x, last), 2)
        last = x[:, :, :, -1:]
        x = ops.concat((x[:, :, :, :1], x, last) if self.before else (x, last), 3)
        return self.pool(x)


class ZeroPaddedAvgPool(nn.Cell):
    """V1's average pool for ONNX, whose export knows no padding of an average."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.pad = nn.Pad(((0, 0), (0, 0), (1, 1), (1, 1)))
        self.pool = nn.AvgPool2d(3, stride=stride, pad_mode='valid')

    def construct(self, x: Tensor) -> Tensor:
        return self.pool(self.pad(x))


class DeployedUnitV1(nn.Cell):
    """A unit of V1 without BatchNorm.

    Args:
        unit: The unit to copy.
    """

    def __init__(self, unit: ShuffleUnit) -> None:
        super().__init__()
        self.bottleneck = nn.SequentialCell(fold(unit.g_conv_1x1_compress), fold(unit.depthwise_conv3x3_bn))
        self.shuffles = unit.shuffles
        if self.shuffles:
            self.channel_shuffle = copy_cell(unit.channel_shuffle)
        self.expand = fold(unit.g_conv_1x1_expand)
        self.act = copy_cell(unit.act)
        self.adds = unit.adds
        if not self.adds:
            self.shortcut = copy_cell(unit.avgpool)

    def construct(self, x: Tensor) -> Tensor:
        out = self.bottleneck(x)
        if self.shuffles:
            out = self.channel_shuffle(out)
        out = self.expand(out)
        if self.adds:
            return self.act(x + out)
        return ops.concat((self.shortcut(x), self.act(out)), 1)


class MainBranch(nn.Cell):
    """The main branch of a unit.

    Args:
        unit: The unit.
        plan: Its plan.
        inputs: Order of the input's channels.
        outputs: Order of the output's channels.
    """

    def __init__(self, unit: InvertedResidual, plan: V2Unit, inputs: np.ndarray, outputs: np.ndarray) -> None:
        super().__init__()
        pre_depthwise = [unit.pre_depthwise] if plan.pre_depthwise else []
        self.layers = fold_chain([*pre_depthwise, *unit.branch2], inputs, outputs)
        if plan.se:
            reduce, expand = unit.se
            self.layers.append(SqueezeExcitation(fold(reduce, inputs=outputs), fold(expand, outputs=outputs)))
        self.adds_residual = plan.adds_residual
        if self.adds_residual:
            order = np.argsort(inputs)[outputs]
            self.residual = nn.Identity() if is_natural(order) else Reorder(order)
            self.act = copy_cell(unit.act)

    def construct(self, x: Tensor) -> Tensor:
        out = self.layers(x)
        return self.act(self.residual(x) + out) if self.adds_residual else out


class DeployedStageV2(nn.Cell):
    """A stage as the slices that its convolutions read.

    Args:
        units: The units of the stage.
        plans: Their plans.
        inputs: Order of the input's channels.

    Attributes:
        order: Order of the output's channels.
    """

    def __init__(self, units: Sequence[InvertedResidual], plans: Sequence[V2Unit], inputs: np.ndarray) -> None:
        super().__init__()
        layers = [cell for unit in units for _, cell in unit.cells_and_names() if isinstance(cell, ConvModule)]
        routes = route_stage(plans, reorder=all(map(is_foldable, layers)))
        shortcut_order, *main_orders = routes.orders
        self.shortcut = fold_chain(list(units[0].branch1), inputs, shortcut_order)
        read_orders = [inputs, *(read.order for read in routes.reads)]
        self.mains = nn.CellList(list(map(MainBranch, units, plans, read_orders, main_orders)))
        self.reads = nn.CellList([Concatenation(read.slices) for read in (*routes.reads, routes.output)])
        self.count = len(routes.reads)
        self._order = routes.output.order

    @property
    def order(self) -> np.ndarray:
        """Order of the output's channels."""
        return self._order

    def construct(self, x: Tensor) -> Tensor:
        sources = (self.shortcut(x), self.mains[0](x))
        for i in range(self.count):
            sources += (self.mains[i + 1](self.reads[i](sources)),)
        return self.reads[self.count](sources)


class DeployedShuffleNet(nn.Cell):
    """A backbone for inference; made by ``to_deploy``.

    Args:
        backbone: The trained backbone.
    """

    def __init__(self, backbone: ShuffleNet) -> None:
        super().__init__()
        plan = backbone.plan
        self.out_channels = plan.out_channels
        self.out_strides = plan.out_strides
        stem = [backbone.conv1] if len(plan.stem.convs) == 1 else list(backbone.conv1)
        self.stem = nn.SequentialCell(*map(fold, stem))
        if plan.stem.pool:
            padding = plan.stem.pool_padding
            self.stem.append(
                copy_cell(backbone.maxpool) if padding == 'same' else BorderedMaxPool(before=padding == 'symmetric')
            )
        order, layers, outputs = np.arange(plan.stem.out_channels), [], []
        self._returns_stem = STEM_OUTPUT in plan.out_indices
        last = max((index for index in plan.out_indices if index != STEM_OUTPUT), default=-1)
        for index in range(last + 1):
            deployed, order = _deploy_layer(backbone, index, order)
            layers.append(deployed)
            outputs.append(nn.Identity() if is_natural(order) else Reorder(np.argsort(order)))
        self.layers = nn.CellList(layers)
        self.outputs = nn.CellList(outputs)
        self._returns = tuple(index in plan.out_indices for index in range(last + 1))

    def construct(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute what the trained backbone computes in evaluation mode."""
        x = self.stem(x)
        outputs = (x,) if self._returns_stem else ()
        for i, returned in enumerate(self._returns):
            x = self.layers[i](x)
            if returned:
                outputs += (self.outputs[i](x),)
        return outputs


def _deploy_layer(backbone: ShuffleNet, index: int, order: np.ndarray) -> tuple[nn.Cell, np.ndarray]:
    """Copy a layer that reads channels in the given order; return it and the order that it writes."""
    plan, layer = backbone.plan, backbone.layers[index]
    if index == len(plan.stages):
        return fold(layer, inputs=order), np.arange(plan.last_conv.out_channels)
    if isinstance(backbone, ShuffleNetV2):
        stage = DeployedStageV2(list(layer), plan.stages[index], order)
        return stage, stage.order
    return nn.SequentialCell(*map(DeployedUnitV1, layer)), order


def to_deploy(model: nn.Cell) -> nn.Cell:
    """Copy a trained network into its deploy form, as the function of the same name in PyTorch does.

    Args:
        model: A ShuffleNetV1, a ShuffleNetV2 or an ImageClassifier; it is left as it is.

    Returns:
        A backbone or classifier in evaluation mode, without gradients, whose outputs are those of ``model``.

    Raises:
        ArgumentError: if the model is none of these.
    """
    if isinstance(model, ShuffleNet):
        return constant(DeployedShuffleNet(model))
    if isinstance(model, ImageClassifier):
        return constant(
            ImageClassifier(DeployedShuffleNet(model.backbone), copy_cell(model.neck), copy_cell(model.head))
        )
    raise ArgumentError(
        f'to_deploy takes a ShuffleNetV1, a ShuffleNetV2 or an ImageClassifier, got {type(model).__name__}'
    )


def export(model: nn.Cell, shape: Sequence[int], dynamic: bool, path: Path, file_format: str) -> None:
    """Write a network as MINDIR or ONNX.

    Args:
        model: The network; for ONNX in its deploy form, whose average pools are replaced.
        shape: Shape of the images.
        dynamic: Whether the file takes any batch, height and width; MINDIR only.
        path: The file.
        file_format: 'MINDIR' or 'ONNX'.
    """
    if file_format == 'ONNX':
        for _, cell in model.cells_and_names():
            if isinstance(cell, DeployedUnitV1) and not cell.adds and _pads_zeros(cell.shortcut):
                cell.shortcut = ZeroPaddedAvgPool(cell.shortcut.stride)
    shape = [None, shape[1], None, None] if dynamic else list(shape)
    images = Tensor(shape=shape, dtype=ms.float32) if dynamic else Tensor(np.zeros(shape, np.float32))
    ms.export(model, images, file_name=str(path), file_format=file_format)
    # MindSpore leaves a file that nobody may write, and only its owner read.
    path.chmod(0o644)


def _pads_zeros(pool: nn.Cell) -> bool:
    return isinstance(pool, nn.AvgPool2d) and pool.pad_mode.lower() == 'pad'
