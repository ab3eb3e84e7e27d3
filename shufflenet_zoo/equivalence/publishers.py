"""Networks that run weights in the structure of their layout: the publisher's own where it is installed, else ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from shufflenet_zoo.arch import V1, V2, Architecture, Plan
from shufflenet_zoo.errors import CheckpointError, DependencyError, first_names
from shufflenet_zoo.weights.convert import Weights, decode, head_classes, own_structure
from shufflenet_zoo.weights.layouts import CANONICAL, LAYOUTS, Layout, entries

LOGITS = 'logits'
# What a network without a classifier in its weights is built with.
_ANY_CLASSES = 1


@dataclass(frozen=True)
class Network:
    """A network with weights in it, ready to run.

    Attributes:
        provider: Whose code it is.
        precision: 'fp64' or 'fp32'.
        structure: The layout whose channel orders the features have.
        forward: Maps images of shape (N, in_channels, H, W) to the features of every stage, 'stem' to 'last_conv',
            and to 'logits' if the weights have a classifier.
    """

    provider: str
    precision: str
    structure: Layout
    forward: Callable[[np.ndarray], dict[str, np.ndarray]]


def build(weights: Weights) -> Network:
    """Build the network that computes with weights what their publisher's does.

    Raises:
        CheckpointError: if the network does not take the weights.
        DependencyError: if no package is installed that can run them.
    """
    package, builder = _PUBLISHERS.get((weights.layout.name, weights.layout.family), (None, None))
    network = builder(weights) if package and find_spec(package) else None
    return network or build_ours(weights)


def build_target(weights: Weights) -> Network:
    """Build the network that converted weights are for: in the canonical layout ours, else the publisher's."""
    return build_ours(weights) if weights.layout.name == CANONICAL else build(weights)


def build_ours(weights: Weights) -> Network:
    """Build our PyTorch network with the structure of a layout: no shuffle order is permuted into another."""
    if find_spec('mmcv') is None:
        raise DependencyError('running these weights needs the package mmcv, which is not installed')
    from shufflenet_zoo.registry import MODELS

    tensors = decode(weights, weights.plan)
    backbone = MODELS.get(weights.layout.family)(**_arguments(weights))
    return _canonical_network('shufflenet_zoo', weights, backbone, tensors)


def _arguments(weights: Weights) -> dict[str, Any]:
    """The arguments of our own backbones' constructors."""
    return dict(weights.architecture) | ({'act_cfg': {'type': 'PReLU'}} if weights.has_slopes else {})


def _canonical_network(provider: str, weights: Weights, backbone: Any, tensors: Mapping[str, np.ndarray]) -> Network:
    """A PyTorch backbone with canonical names, and with a classifier."""
    from shufflenet_zoo.backbones import ImageClassifier

    layout = next(x for x in LAYOUTS if (x.name, x.family) == (CANONICAL, weights.layout.family))
    model = ImageClassifier.around(backbone, head_classes(weights) or _ANY_CLASSES, weights.plan.out_channels[-1])
    loaded = Weights(layout, weights.architecture, tensors)
    return _torch_network(provider, loaded, model, _backbone_parts(backbone), model.head.fc)


def _backbone_parts(backbone: Any) -> list[list[Any]]:
    """The stem, the stages and the last convolution of a backbone of either framework, ours or mmpretrain's."""
    return [[backbone.conv1, backbone.maxpool], *([layer] for layer in backbone.layers)]


def _torch_network(
    provider: str,
    weights: Weights,
    model: Any,
    parts: Sequence[Sequence[Any]],
    head: Any,
) -> Network:
    """Load a PyTorch network strictly in double precision and run it part by part."""
    import torch

    state = {
        weights.prefix(key) + key: torch.from_numpy(array.astype(np.int64 if array.dtype.kind == 'i' else np.float64))
        for key, array in weights.tensors.items()
    }
    model.double()
    model.eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    _check_loaded(type(model).__name__, weights, missing, unexpected)

    @torch.no_grad()
    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        x, features = torch.from_numpy(images.astype(np.float64)), []
        for modules in parts:
            for module in modules:
                x = module(x)
            features.append(x.numpy().copy())
        logits = head(x.mean((2, 3))).numpy()
        return _named(weights, features, logits)

    return Network(provider, 'fp64', own_structure(weights), forward)


def _check_loaded(model: str, weights: Weights, missing: Sequence[str], unexpected: Sequence[str]) -> None:
    """Check that a network took all weights and lacks none but counters and parts that the weights have not."""
    absent = {
        weights.prefix(key) + key
        for entry in entries(weights.layout, weights.plan, None)
        if entry.optional or not any(k in weights.tensors for k in entry.keys)
        for key in entry.keys
    }
    missing = [key for key in missing if key not in absent]
    if missing or unexpected:
        raise CheckpointError(
            f'the network {model} does not take the weights: {len(missing)} missing '
            f'({first_names(missing)}), {len(unexpected)} unexpected ({first_names(unexpected)})'
        )


def _named(weights: Weights, features: Sequence[np.ndarray], logits: np.ndarray) -> dict[str, np.ndarray]:
    """Name the outputs by stage and leave out those of parts that the weights have not."""
    names = [name for name, _ in weights.plan.named_parts()]
    outputs = dict(zip(names, features, strict=True))
    absent = {
        entry.part
        for entry in entries(weights.layout, weights.plan, None)
        if not entry.optional and entry.keys[0] not in weights.tensors
    }
    if head_classes(weights) is not None:
        outputs[LOGITS] = logits
    return {name: output for name, output in outputs.items() if name not in absent}


def _sizes(plan: Plan) -> tuple[list[int], list[int]]:
    """Units of every stage; channels of the stem, the stages and the last convolution."""
    channels = [plan.stem.out_channels, *(stage[-1].out_channels for stage in plan.stages)]
    return [len(stage) for stage in plan.stages], channels + [conv.out_channels for conv in [plan.last_conv] if conv]


def _build_torchvision(weights: Weights) -> Network:
    from torchvision.models import ShuffleNetV2

    model = ShuffleNetV2(*_sizes(weights.plan), num_classes=head_classes(weights) or _ANY_CLASSES)
    parts = [[model.conv1, model.maxpool], [model.stage2], [model.stage3], [model.stage4], [model.conv5]]
    return _torch_network('torchvision', weights, model, parts, model.fc)


def _build_pytorchcv(weights: Weights) -> Network:
    from pytorchcv.models.shufflenet import ShuffleNet
    from pytorchcv.models.shufflenetv2 import ShuffleNetV2
    from pytorchcv.models.shufflenetv2b import ShuffleNetV2b

    plan = weights.plan
    repeats, (stem, *channels) = _sizes(plan)
    units = [[width] * repeat for width, repeat in zip(channels, repeats, strict=False)]
    common = {
        'init_block_channels': stem,
        'in_channels': plan.in_channels,
        'num_classes': head_classes(weights) or _ANY_CLASSES,
    }
    if weights.layout.family == V1:
        model = ShuffleNet(units, groups=plan.stages[0][0].groups, **common)
    else:
        keeps = weights.layout.options['down_unit'] == 'keep'
        model = (ShuffleNetV2b if keeps else ShuffleNetV2)(units, final_block_channels=channels[-1], **common)
    parts = [[part] for name, part in model.features.named_children() if name != 'final_pool']
    return _torch_network('pytorchcv', weights, model, parts, model.output)


def _build_mmpretrain(weights: Weights) -> Network | None:
    from mmpretrain.models import backbones

    main = {key: weights.architecture[key] for key in ('groups', 'widen_factor') if key in weights.architecture}
    if Architecture(weights.layout.family, main) != weights.architecture or find_spec('mmcv') is None:
        return None
    try:
        backbone = getattr(backbones, weights.layout.family)(**main)
    except ValueError:  # a width that mmpretrain does not have
        return None
    return _canonical_network('mmpretrain', weights, backbone, weights.tensors)


def _build_mindcv(weights: Weights) -> Network | None:
    from mindcv.models.shufflenetv1 import ShuffleNetV1
    from mindcv.models.shufflenetv2 import ShuffleNetV2

    plan = weights.plan
    arguments = {
        'num_classes': head_classes(weights) or _ANY_CLASSES,
        'in_channels': plan.in_channels,
        'model_size': f'{float(weights.architecture["widen_factor"])}x',
    }
    try:
        if weights.layout.family == V1:
            model = ShuffleNetV1(group=plan.stages[0][0].groups, **arguments)
        else:
            model = ShuffleNetV2(**arguments)
    except (NotImplementedError, AttributeError):  # a size that mindcv does not have
        return None
    if not weights.tensors.keys() <= set(_mindspore_names(model)):
        return None  # the other form of grouped convolutions
    ends = np.cumsum([0, *_sizes(plan)[0]]).tolist()
    stages = [model.features[start:stop] for start, stop in pairwise(ends)]
    parts = [[model.first_conv, model.max_pool], *([stage] for stage in stages)]
    parts += [[model.conv_last]] if plan.last_conv else []
    return _mindspore_network('mindcv', weights, model, parts, model.classifier)


def _build_mindspore(weights: Weights) -> Network:
    from shufflenet_zoo.mindspore_impl.classifier import BACKBONES, ImageClassifier

    backbone = BACKBONES[weights.layout.family](**_arguments(weights))
    model = ImageClassifier.around(backbone, head_classes(weights) or _ANY_CLASSES)
    return _mindspore_network('shufflenet_zoo on MindSpore', weights, model, _backbone_parts(backbone), model.head.fc)


def _mindspore_names(model: Any) -> list[str]:
    return [name for name, _ in model.parameters_and_names()]


def _mindspore_network(
    provider: str,
    weights: Weights,
    model: Any,
    parts: Sequence[Sequence[Any]],
    head: Any,
) -> Network:
    """Load a MindSpore network strictly and run it part by part."""
    import mindspore

    parameters = dict(model.parameters_and_names())
    arrays = {weights.prefix(key) + key: array for key, array in weights.tensors.items()}
    missing = [key for key in parameters if key not in arrays]
    unexpected = [key for key in arrays if key not in parameters]
    _check_loaded(type(model).__name__, weights, missing, unexpected)
    for key, array in arrays.items():
        parameters[key].set_data(mindspore.Tensor(array.astype(np.float32)))
    model.set_train(False)

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        x, features = mindspore.Tensor(images.astype(np.float32)), []
        for cells in parts:
            for cell in cells:
                x = cell(x)
            features.append(x.asnumpy())
        return _named(weights, features, head(x.mean((2, 3))).asnumpy())

    return Network(provider, 'fp32', own_structure(weights), forward)


# The packages whose own networks can be built, by layout and family; the others have none to install.
_PUBLISHERS: dict[tuple[str, str], tuple[str, Callable[[Weights], Network | None]]] = {
    (CANONICAL, V1): ('mmpretrain', _build_mmpretrain),
    (CANONICAL, V2): ('mmpretrain', _build_mmpretrain),
    ('mindspore', V1): ('mindspore', _build_mindspore),
    ('mindspore', V2): ('mindspore', _build_mindspore),
    ('torchvision', V2): ('torchvision', _build_torchvision),
    ('mindcv', V1): ('mindcv', _build_mindcv),
    ('mindcv-single', V1): ('mindcv', _build_mindcv),
    ('mindcv', V2): ('mindcv', _build_mindcv),
    ('pytorchcv', V1): ('pytorchcv', _build_pytorchcv),
    ('pytorchcv', V2): ('pytorchcv', _build_pytorchcv),
}
