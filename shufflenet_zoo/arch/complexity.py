"""Parameters, multiply-adds and memory access cost of a plan, counted from its convolutions."""

from collections.abc import Iterator
from dataclasses import dataclass

from shufflenet_zoo.arch import Conv, Plan, V1Unit, V2Unit


@dataclass(frozen=True)
class Cost:
    """What a part of a network costs for one image.

    Attributes:
        parameters: Trainable parameters: weights, biases, and two per channel of a norm.
        multiply_adds: Multiply-adds of the convolutions and of the classifier.
        conv_access: Memory access cost of the convolutions in elements: input, output and weights (V2 Section 2, G1).
        elementwise_access: Elements that activations, sums, pools, shuffles, splits and concatenations read and
            write (V2 Section 2, G4). Norms count as folded into their convolutions.
    """

    parameters: int = 0
    multiply_adds: int = 0
    conv_access: int = 0
    elementwise_access: int = 0

    def __add__(self, other: 'Cost') -> 'Cost':
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.conv_access + other.conv_access,
            self.elementwise_access + other.elementwise_access,
        )


@dataclass(frozen=True)
class Part:
    """A stem, stage, last convolution or head, with the shape (channels, height, width) it puts out."""

    name: str
    output: tuple[int, int, int]
    cost: Cost


Size = tuple[int, int]


def analyse(plan: Plan, size: Size = (224, 224), num_classes: int | None = None, head_bias: bool = True) -> list[Part]:
    """Count every part of a backbone, and of a linear classifier behind it.

    Args:
        plan: The architecture.
        size: Height and width of the image in pixels.
        num_classes: Classes of the linear head. Default: None, no head.
        head_bias: Whether the head has a bias.

    Returns:
        The stem, every stage, the last convolution and the head, in this order, as far as they exist.
    """
    parts = [_stem(plan, size)]
    size = parts[0].output[1:]
    for i, units in enumerate(plan.stages):
        cost = Cost()
        for unit in units:
            count = _v1_unit if isinstance(unit, V1Unit) else _v2_unit
            cost += count(unit, size)
            size = _strided(size, unit.stride)
        parts.append(Part(f'stage{i + 2}', (units[-1].out_channels, *size), cost))
    if plan.last_conv:
        parts.append(Part('last_conv', (plan.last_conv.out_channels, *size), _conv(plan.last_conv, size)))
    if num_classes is not None:
        parts.append(_head(parts[-1].output, num_classes, head_bias))
    return parts


def total(parts: list[Part]) -> Cost:
    """Add the costs of parts."""
    return sum((part.cost for part in parts), Cost())


def _strided(size: Size, stride: int) -> Size:
    return tuple((side - 1) // stride + 1 for side in size)


def _pooled(size: Size, padding: str) -> Size:
    if padding == 'ceil':
        return tuple((side - 2) // 2 + 1 for side in size)
    return _strided(size, 2)


def _elementwise(*shapes: tuple[int, Size]) -> Cost:
    """Elements of the tensors (channels, size) that an operation reads and writes."""
    return Cost(elementwise_access=sum(channels * size[0] * size[1] for channels, size in shapes))


def _conv(conv: Conv, size: Size) -> Cost:
    """A convolution on an input of the given size, with its activation."""
    outputs, inputs, height, width = conv.weight_shape
    out_size = _strided(size, conv.stride)
    weights = outputs * inputs * height * width
    pixels, out_pixels = size[0] * size[1], out_size[0] * out_size[1]
    cost = Cost(
        parameters=weights + (2 * outputs if conv.norm else outputs),
        multiply_adds=weights * out_pixels,
        conv_access=conv.in_channels * pixels + outputs * out_pixels + weights,
    )
    return cost + _elementwise(*[(outputs, out_size)] * 2) if conv.act else cost


def _chain(convs: tuple[Conv, ...], size: Size) -> Iterator[Cost]:
    for conv in convs:
        yield _conv(conv, size)
        size = _strided(size, conv.stride)


def _stem(plan: Plan, size: Size) -> Part:
    stem = plan.stem
    cost = sum(_chain(stem.convs, size), Cost())
    size = _strided(size, stem.convs[0].stride)
    if stem.pool:
        pooled = _pooled(size, stem.pool_padding)
        cost += _elementwise((stem.out_channels, size), (stem.out_channels, pooled))
        size = pooled
    return Part('stem', (stem.out_channels, *size), cost)


def _v1_unit(unit: V1Unit, size: Size) -> Cost:
    out_size = _strided(size, unit.stride)
    cost = sum(_chain((unit.compress, unit.depthwise, unit.expand), size), Cost())
    if unit.shuffle_groups > 1:
        cost += _elementwise(*[(unit.mid_channels, out_size)] * 2)
    activation = [(unit.expand_channels, out_size)] * 2
    if unit.combine == 'add':
        return cost + _elementwise(*[(unit.out_channels, out_size)] * 3, *activation)
    pool = [(unit.in_channels, size), (unit.in_channels, out_size)]
    concatenation = [(unit.out_channels, out_size)] * 2
    return cost + _elementwise(*activation, *pool, *concatenation)


def _v2_unit(unit: V2Unit, size: Size) -> Cost:
    out_size = _strided(size, unit.stride)
    cost = sum((*_chain(unit.branch1, size), *_chain(unit.branch2, size)), Cost())
    if unit.pre_depthwise:
        cost += _conv(unit.pre_depthwise, size)
    if unit.se:
        cost += sum(_chain(unit.squeeze_excitation, (1, 1)), Cost())
        # The pool reads the branch, the gate reads and writes it.
        cost += _elementwise(*[(unit.main_out_channels, out_size)] * 3)
    if unit.adds_residual:
        cost += _elementwise(*[(unit.main_out_channels, out_size)] * 5)
    if not unit.project:
        cost += _elementwise(*[(unit.in_channels, size)] * 2)
    cost += _elementwise(*[(unit.out_channels, out_size)] * 2)
    if unit.shuffle == 'interleave':
        cost += _elementwise(*[(unit.out_channels, out_size)] * 2)
    return cost


def _head(features: tuple[int, int, int], num_classes: int, bias: bool) -> Part:
    channels, height, width = features
    weights = channels * num_classes
    cost = Cost(
        parameters=weights + (num_classes if bias else 0),
        multiply_adds=weights,
        conv_access=channels + weights + num_classes,
        elementwise_access=channels * height * width + channels,
    )
    return Part('head', (num_classes, 1, 1), cost)
