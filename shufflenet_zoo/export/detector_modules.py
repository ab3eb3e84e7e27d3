"""One-stage detectors of mmdet as functions of one image, with and without decoding."""

import math

import torch
from mmdet.models.detectors import SingleStageDetector
from torch import Tensor, nn
from torchvision.ops import nms

from shufflenet_zoo.deployed.decoding import Decoding, Level
from shufflenet_zoo.errors import ConfigError

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
        scores, codes = self.detector.bbox_head(self.detector.extract_feat(images))
        return _by_prior(scores, self.detector.bbox_head.cls_out_channels), _by_prior(codes, 4)


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
        self.decoding = decoding
        self.input_size = input_size
        self.priors = [torch.from_numpy(level.grid()) for level in decoding.levels]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        said = self.decoding
        scores, codes = (output[0] for output in self.outputs(images))
        # The last class of a softmax is the background.
        scores = scores.sigmoid() if said.activation == 'sigmoid' else scores.softmax(-1)[:, :-1]
        counts = [len(priors) for priors in self.priors]
        levels = [
            self._best(*level) for level in zip(scores.split(counts), codes.split(counts), self.priors, strict=True)
        ]
        scores, labels, codes, priors = (torch.cat(parts) for parts in zip(*levels, strict=True))
        boxes = self.outputs.detector.bbox_head.bbox_coder.decode(priors, codes)
        if said.clip:
            height, width = self.input_size
            boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))
        kept = (scores > said.score_threshold) & (boxes[:, 2:] - boxes[:, :2] > said.min_side).all(1)
        boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        # Boxes of different classes are moved apart. The zeros are for images without a box.
        reach = torch.cat([boxes.flatten(), boxes.new_zeros(1)]).max() + 1
        best = nms(boxes + labels[:, None] * reach, scores, said.iou_threshold)[: said.max_boxes]
        return boxes[best], scores[best], labels[best]

    def _best(self, scores: Tensor, codes: Tensor, priors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the best scores of a level with their classes, encoded boxes and priors."""
        classes = scores.size(1)
        scores, order = scores.flatten().topk(min(self.decoding.candidates, len(priors) * classes))
        place = order.div(classes, rounding_mode='floor')
        return scores, order % classes, codes[place], priors[place]


def describe_decoding(detector: SingleStageDetector, channels: int, input_size: tuple[int, int]) -> Decoding:
    """Return how the outputs of a detector's head become boxes, for images of one size.

    Raises:
        ConfigError: if the head encodes boxes in another way than this project knows.
    """
    head, settings = detector.bbox_head, detector.bbox_head.test_cfg
    coder = head.bbox_coder
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


def _by_prior(levels: list[Tensor], width: int) -> Tensor:
    return torch.cat([level.permute(0, 2, 3, 1).reshape(1, -1, width) for level in levels], 1)
