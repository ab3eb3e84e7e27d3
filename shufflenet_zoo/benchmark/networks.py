"""The networks that are measured; each function imports its package itself."""

from collections.abc import Callable
from typing import Any

from shufflenet_zoo.benchmark.cases import NUM_CLASSES

_BACKBONES = {'v1': {'type': 'ShuffleNetV1', 'groups': 3}, 'v2': {'type': 'ShuffleNetV2'}}


def _classifier(scope: str, version: str) -> Callable[..., Any]:
    def build(**arguments: Any) -> Any:
        from mmengine.registry import init_default_scope
        from mmpretrain.registry import MODELS

        init_default_scope('mmpretrain')
        backbone = _BACKBONES[version] | arguments
        backbone['type'] = f'{scope}.{backbone["type"]}'
        return MODELS.build(
            {
                'type': 'ImageClassifier',
                'backbone': backbone,
                'neck': {'type': 'GlobalAveragePooling'},
                'head': {
                    'type': 'LinearClsHead',
                    'num_classes': NUM_CLASSES,
                    'in_channels': {'v1': 960, 'v2': 1024}[version],
                },
            }
        )

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


def _ours_mindspore(version: str) -> Callable[..., Any]:
    def build() -> Any:
        from shufflenet_zoo.mindspore_impl import create_model

        return create_model(
            {'v1': 'shufflenet_v1_g3_1.0x', 'v2': 'shufflenet_v2_1.0x'}[version], num_classes=NUM_CLASSES
        )

    return build


def _mindcv(name: str) -> Callable[..., Any]:
    def build() -> Any:
        # The oneDNN setting must be in the environment before mindspore's first convolution.
        import mindcv

        import shufflenet_zoo.mindspore_impl  # noqa: F401

        return mindcv.create_model(name, num_classes=NUM_CLASSES)

    return build


TORCH = {
    'ours/v1': _classifier('shufflenet_zoo', 'v1'),
    'ours/v2': _classifier('shufflenet_zoo', 'v2'),
    'mmpretrain/v1': _classifier('mmpretrain', 'v1'),
    'mmpretrain/v2': _classifier('mmpretrain', 'v2'),
    'torchvision/v2': _torchvision('shufflenet_v2_x1_0'),
    'torchvision/mobilenet_v2': _torchvision('mobilenet_v2'),
    'torchvision/mobilenet_v3_small': _torchvision('mobilenet_v3_small'),
    'pytorchcv/v1': _pytorchcv('shufflenet_g3_w1'),
    'pytorchcv/v2': _pytorchcv('shufflenetv2_w1'),
}
MINDSPORE = {
    'ours/v1': _ours_mindspore('v1'),
    'ours/v2': _ours_mindspore('v2'),
    'mindcv/v1': _mindcv('shufflenet_v1_g3_10'),
    'mindcv/v2': _mindcv('shufflenet_v2_x1_0'),
}
