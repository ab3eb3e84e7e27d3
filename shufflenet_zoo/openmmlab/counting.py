"""Counts what stands behind a backbone in a config's model: necks and heads, by running them without numbers."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_zoo.arch.complexity import Cost
from shufflenet_zoo.openmmlab.predictor import build_model
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings

_HEADS = ('head', 'bbox_head', 'rpn_head')


def count_behind_backbone(config: Config, channels: int, size: tuple[int, int]) -> dict[str, Cost]:
    """Return parameters and multiply-adds of a model's neck and heads, for one image, by name.

    The box head of a two-stage detector counts for as many proposals as its test configuration keeps at most.

    Args:
        config: The config.
        channels: Channels of the image.
        size: Its height and width.
    """
    silence_known_warnings()
    counted: dict[str, Cost] = {}

    def count(name: str, module: nn.Module, run: Callable[[], Any]) -> Any:
        with FlopCounterMode(display=False) as counter:
            outputs = run()
        parameters = sum(parameter.numel() for parameter in module.parameters())
        counted[name] = Cost(parameters=parameters, multiply_adds=counter.get_total_flops() // 2)
        return outputs

    # On the meta device, tensors have shapes and no values: nothing is computed.
    with torch.device('meta'), torch.no_grad():
        model = build_model(config).eval()
        features = model.backbone(torch.empty(1, channels, *size))
        if getattr(model, 'neck', None) is not None:
            features = count('neck', model.neck, lambda: model.neck(features))
        for name in _HEADS:
            head = getattr(model, name, None)
            if head is not None:
                count(name, head, lambda head=head: head(features))
        if hasattr(model, 'roi_head'):
            head = model.roi_head.bbox_head
            regions = _regions(config, head)
            count(f'box head, {len(regions)} proposals', head, lambda: head(regions))
    return counted


def _regions(config: Config, head: nn.Module) -> Tensor:
    """Return what the box head gets: the features of every proposal."""
    return torch.empty(config.model.test_cfg.rpn.max_per_img, head.in_channels, *head.roi_feat_size)
