"""Detectors of mmdet with one stage as functions of one image, with and without decoding."""

import math

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import BaseDetector, SingleStageDetector
from torch import Tensor, nn
from torchvision.ops import nms

from shufflenet_zoo.deployed.decoding import Decoding, Level
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.comparison import Limits

# mmdet's DeltaXYWHBBoxCoder scales a side by at least this, and at most its inverse.
_SMALLEST_SCALE = 16 / 1000


class Outputs(nn.Module):
    """A detector as a function from one normalised image to what its head computes for every prior.

    Args:
        detector: Of mmdet; its head has scores of classes alone.

    Returns:
        Float32 of shapes (1, priors of all levels, classes) and (1, priors of all levels, 4), row by row.
    """

    def __init__(self, detector: SingleStageDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return head_outputs(self.detector.bbox_head, self.detector.extract_feat(images))


class Boxes(nn.Module):
    """A detector as a function from one normalised image to boxes, scores and classes, the most certain first.

    It computes what ``predict_by_feat`` of mmdet's heads and ``deployed.decoding`` do, without branches on the number
    of boxes.

    Args:
        detector: Of mmdet.
        decoding: What ``describe_decoding`` told of it.
        input_size: Height and width of the image.
    """

    def __init__(self, detector: SingleStageDetector, decoding: Decoding, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.outputs = Outputs(detector)
        self.candidates = Candidates(detector.bbox_head, decoding, input_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        boxes, scores, labels, _ = self.candidates(*self.outputs(images))
        return best_boxes(boxes, scores, labels, self.candidates.decoding)


class Candidates(nn.Module):
    """The decoding of what a head computes for an image, up to where overlapping boxes are left out.

    Args:
        head: Of mmdet.
        decoding: What ``describe_decoding`` told of it.
        input_size: Height and width of the image.

    Returns:
        Boxes (N, 4), scores (N,), classes (N,) and levels (N,).
    """

    def __init__(self, head: BaseDenseHead, decoding: Decoding, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.coder = head.bbox_coder
        self.decoding = decoding
        self.input_size = input_size
        self.priors = [torch.from_numpy(level.grid()) for level in decoding.levels]

    def forward(self, scores: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        said, scores = self.decoding, scores[0]
        # The last class of a softmax is the background.
        scores = scores.sigmoid() if said.activation == 'sigmoid' else scores.softmax(-1)[:, :-1]
        counts = [len(priors) for priors in self.priors]
        parts = zip(scores.split(counts), codes[0].split(counts), self.priors, strict=True)
        levels = [self._best(index, *level) for index, level in enumerate(parts)]
        scores, labels, codes, priors, numbers = (torch.cat(parts) for parts in zip(*levels, strict=True))
        boxes = self.coder.decode(priors, codes)
        if said.clip:
            boxes = clip(boxes, self.input_size)
        kept = (scores > said.score_threshold) & (boxes[:, 2:] - boxes[:, :2] > said.min_side).all(1)
        return boxes[kept], scores[kept], labels[kept], numbers[kept]

    def _best(self, number: int, scores: Tensor, codes: Tensor, priors: Tensor) -> tuple[Tensor, ...]:
        """Return the best scores of a level with their classes, encoded boxes, priors and the level's number."""
        classes = scores.size(1)
        scores, order = scores.flatten().topk(min(self.decoding.candidates, len(priors) * classes))
        place = order.div(classes, rounding_mode='floor')
        return scores, order % classes, codes[place], priors[place], torch.full_like(order, number)


def clip(boxes: Tensor, input_size: tuple[int, int]) -> Tensor:
    """Cut boxes (N, 4) off at the edges of an image."""
    height, width = input_size
    return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))


def best_boxes(
    boxes: Tensor, scores: Tensor, groups: Tensor, limits: Decoding | Limits
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes (N, 4), scores and groups without those that overlap a better one of their group too much."""
    # Boxes of different groups are moved apart. The zero is for images without a box.
    reach = torch.cat([boxes.flatten(), boxes.new_zeros(1)]).max() + 1
    best = nms(boxes + groups[:, None] * reach, scores, limits.iou_threshold)[: limits.max_boxes]
    return boxes[best], scores[best], groups[best]


def describe_decoding(
    detector: BaseDetector, head: BaseDenseHead, channels: int, input_size: tuple[int, int]
) -> Decoding:
    """Return how the outputs of a detector's head become boxes, for images of one size.

    Args:
        detector: The detector, whose features the head reads.
        head: The head.
        channels: Channels of the images.
        input_size: Their height and width.

    Raises:
        ConfigError: if the head encodes boxes in another way than this project knows.
    """
    settings, coder = head.test_cfg, head.bbox_coder
    kind = type(coder).__name__
    if kind not in ('DeltaXYWHBBoxCoder', 'DistancePointBBoxCoder') or getattr(coder, 'add_ctr_clamp', False):
        raise ConfigError(
            f'export takes heads that encode boxes as DeltaXYWHBBoxCoder without add_ctr_clamp or as '
            f'DistancePointBBoxCoder; {type(head).__name__} has {kind}'
        )
    with torch.no_grad():
        scores, _ = head(detector.extract_feat(torch.zeros(1, channels, *input_size)))
    sizes = [tuple(level.shape[-2:]) for level in scores]
    firsts = head.prior_generator.grid_priors([(1, 1)] * len(sizes), device='cpu')
    levels = tuple(
        Level(size, tuple(stride), tuple(map(tuple, first.tolist())))
        for size, stride, first in zip(sizes, head.prior_generator.strides, firsts, strict=True)
    )
    deltas = {}
    if kind == 'DeltaXYWHBBoxCoder':
        limit = -math.log(_SMALLEST_SCALE)
        deltas = {'means': tuple(coder.means), 'stds': tuple(coder.stds), 'max_log_scale': limit}
    return Decoding(
        levels,
        'sigmoid' if head.use_sigmoid_cls else 'softmax',
        settings.get('score_thr', 0),
        settings.nms_pre,
        settings.nms.iou_threshold,
        settings.max_per_img,
        **deltas,
        clip=coder.clip_border,
        min_side=settings.get('min_bbox_size', -1),
    )


def head_outputs(head: BaseDenseHead, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return what a head computes for every prior, as ``Outputs`` does."""
    scores, codes = head(features)
    return _by_prior(scores, head.cls_out_channels), _by_prior(codes, 4)


def _by_prior(levels: list[Tensor], width: int) -> Tensor:
    return torch.cat([level.permute(0, 2, 3, 1).reshape(1, -1, width) for level in levels], 1)
