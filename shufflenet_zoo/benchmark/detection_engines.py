"""Parts of mmdet's detectors that are timed: RetinaNets that differ in the backbone alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from shufflenet_zoo.arch import feature_channels
from shufflenet_zoo.benchmark.cases import DETECTION_SIZE, Case

_OURS = {'type': 'shufflenet_zoo.ShuffleNetV2', 'out_indices': (0, 1, 2)}
# Backbones with outputs at strides 8, 16 and 32, and the channels of these.
BACKBONES: dict[str, tuple[dict[str, Any], list[int]]] = {
    'retinanet/shufflenet_v2': (_OURS, feature_channels(_OURS)),
    'retinanet/mobilenet_v2': ({'type': 'MobileNetV2', 'out_indices': (2, 4, 6)}, [32, 96, 320]),
    'retinanet/resnet50': ({'type': 'ResNet', 'depth': 50, 'out_indices': (1, 2, 3)}, [512, 1024, 2048]),
}


def prepare(case: Case, threads: int) -> Callable[[], object]:
    """Build a case's detector.

    Args:
        case: The case.
        threads: Threads of PyTorch.

    Returns:
        One pass through backbone and neck, or one training step of the whole detector, on the same random images.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = _build(case.network)
    images = torch.randn(case.batch, 3, DETECTION_SIZE, DETECTION_SIZE)
    return (_training if case.engine == 'detector-training' else _features)(model, images)


def _build(network: str) -> nn.Module:
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope
    from mmengine.utils import get_installed_path

    base = f'{get_installed_path("mmdet")}/.mim/configs/_base_/models/retinanet_r50_fpn.py'
    config = Config.fromfile(base).model
    config.backbone, config.neck.in_channels = BACKBONES[network]
    config.neck.start_level = 0
    init_default_scope('mmdet')
    model = MODELS.build(config)
    model.init_weights()
    return model


def _features(model: nn.Module, images: torch.Tensor) -> Callable[[], object]:
    model.eval()

    def run() -> object:
        with torch.inference_mode():
            return model.extract_feat(images)

    return run


def _training(model: nn.Module, images: torch.Tensor) -> Callable[[], object]:
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)
    size = tuple(images.shape[2:])
    metainfo = {'img_shape': size, 'ori_shape': size, 'pad_shape': size, 'batch_input_shape': size}
    objects = InstanceData(
        bboxes=torch.tensor([[20.0, 30.0, 150.0, 200.0], [100.0, 90.0, 140.0, 130.0]]), labels=torch.tensor([0, 1])
    )
    samples = [DetDataSample(metainfo=metainfo, gt_instances=objects) for _ in images]

    def run() -> object:
        optimizer.zero_grad()
        loss, _ = model.parse_losses(model.loss(images, samples))
        loss.backward()
        optimizer.step()
        return loss

    return run
