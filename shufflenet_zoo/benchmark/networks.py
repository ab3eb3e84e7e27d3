"""The networks that are measured; each function imports its package itself."""

from collections.abc import Callable
from typing import Any

from shufflenet_zoo.benchmark import guidelines
from shufflenet_zoo.benchmark.cases import NUM_CLASSES

# Our networks as named variants.
OURS = {'ours/v1': 'shufflenet_v1_g3_1.0x', 'ours/v2': 'shufflenet_v2_1.0x'}


def _ours(name: str) -> Callable[..., Any]:
    def build(**arguments: Any) -> Any:
        from shufflenet_zoo.backbones import create_model

        return create_model(name, NUM_CLASSES, **arguments)

    return build


def _mmpretrain(backbone: dict[str, Any], channels: int) -> Callable[..., Any]:
    def build() -> Any:
        from mmengine.registry import init_default_scope
        from mmpretrain.registry import MODELS

        from shufflenet_zoo.export.torch_source import Logits

        init_default_scope('mmpretrain')
        head = {'type': 'LinearClsHead', 'num_classes': NUM_CLASSES, 'in_channels': channels}
        neck = {'type': 'GlobalAveragePooling'}
        return Logits(MODELS.build({'type': 'ImageClassifier', 'backbone': backbone, 'neck': neck, 'head': head}))

    return build


def _torchvision(name: str) -> Callable[..., Any]:
    def build() -> Any:
        import torchvision

        return torchvision.models.get_model(name, weights=None, num_classes=NUM_CLASSES)

    return build


def _pytorchcv(name: str) -> Callable[..., Any]:
    def build() -> Any:
        from pytorchcv.model_provider import get_model

        return get_model(name, pretrained=False)

    return build


def _timm(name: str) -> Callable[..., Any]:
    def build() -> Any:
        import timm

        # Written with layers that can be traced.
        return timm.create_model(name, num_classes=NUM_CLASSES, exportable=True)

    return build


def _ours_mindspore(name: str) -> Callable[..., Any]:
    def build() -> Any:
        from shufflenet_zoo.mindspore_impl import create_model

        return create_model(name, NUM_CLASSES)

    return build


def _mindcv(name: str) -> Callable[..., Any]:
    def build() -> Any:
        # The oneDNN setting must be in the environment before mindspore's first convolution.
        import mindcv

        import shufflenet_zoo.mindspore_impl  # noqa: F401

        return mindcv.create_model(name, num_classes=NUM_CLASSES)

    return build


TORCH = {
    **{network: _ours(name) for network, name in OURS.items()},
    'mmpretrain/v1': _mmpretrain({'type': 'ShuffleNetV1', 'groups': 3}, 960),
    'mmpretrain/v2': _mmpretrain({'type': 'ShuffleNetV2'}, 1024),
    'torchvision/v2': _torchvision('shufflenet_v2_x1_0'),
    'torchvision/mobilenet_v2': _torchvision('mobilenet_v2'),
    'torchvision/mobilenet_v3_small': _torchvision('mobilenet_v3_small'),
    'pytorchcv/v1': _pytorchcv('shufflenet_g3_w1'),
    'pytorchcv/v2': _pytorchcv('shufflenetv2_w1'),
    'timm/tf_efficientnet_lite0': _timm('tf_efficientnet_lite0'),
    'timm/mobilenetv4_conv_small': _timm('mobilenetv4_conv_small'),
    **guidelines.NETWORKS,
}
MINDSPORE = {
    **{network: _ours_mindspore(name) for network, name in OURS.items()},
    'mindcv/v1': _mindcv('shufflenet_v1_g3_10'),
    'mindcv/v2': _mindcv('shufflenet_v2_x1_0'),
}
