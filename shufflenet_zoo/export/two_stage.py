"""Faster R-CNN of mmdet as a function of one image, with everything that it decides inside."""

import copy

import torch
from mmdet.models.detectors import TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torchvision.ops import roi_align

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.comparison import Limits
from shufflenet_zoo.export.detector_modules import Candidates, best_boxes, clip, describe_decoding, head_outputs

# No overlap is above.
_NO_SUPPRESSION = 1.0


class TwoStageBoxes(nn.Module):
    """A detector of two stages as a function from one normalised image to boxes, scores and classes.

    Args:
        detector: Of mmdet, checked by ``check_two_stages``.
        channels: Channels of the image.
        input_size: Its height and width.
    """

    def __init__(self, detector: TwoStageDetector, channels: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.detector = detector
        self.input_size = input_size
        self.candidates = Candidates(
            detector.rpn_head, describe_decoding(detector, detector.rpn_head, channels, input_size), input_size
        )
        self.limits = two_stage_limits(detector)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.detector.extract_feat(images)
        boxes, scores, _, levels = self.candidates(*head_outputs(self.detector.rpn_head, features))
        # Only proposals of a level suppress each other.
        proposals, _, _ = best_boxes(boxes, scores, levels, self.candidates.decoding)
        proposals, pooled = self._pool(features, proposals)
        head = self.detector.roi_head.bbox_head
        outputs, codes = head(pooled)
        scores = outputs.softmax(-1)[:, :-1]
        classes = scores.size(1)
        proposals = proposals[:, None].expand(-1, classes, -1).reshape(-1, 4)
        boxes = clip(head.bbox_coder.decode(proposals, codes.reshape(-1, 4)), self.input_size)
        places = (scores.flatten() > self.limits.score_threshold).nonzero()[:, 0]
        return best_boxes(boxes[places], scores.flatten()[places], places % classes, self.limits)

    def _pool(self, features: tuple[Tensor, ...], proposals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the proposals in order of the level that their size asks for, and the features in them."""
        extractor = self.detector.roi_head.bbox_roi_extractor
        boxes = torch.cat([proposals.new_zeros(proposals.size(0), 1), proposals], 1)
        levels = extractor.map_roi_levels(boxes, extractor.num_inputs)
        ordered, pooled = [], []
        for index, layer in enumerate(extractor.roi_layers):
            own = boxes[(levels == index).nonzero()[:, 0]]
            ordered.append(own[:, 1:])
            pooled.append(
                roi_align(features[index], own, layer.output_size, layer.spatial_scale, layer.sampling_ratio, True)
            )
        return torch.cat(ordered), torch.cat(pooled)


def two_stage_limits(detector: TwoStageDetector) -> Limits:
    """Return what ends the results of a detector of two stages."""
    settings = detector.roi_head.test_cfg
    return Limits(settings.score_thr, settings.nms.iou_threshold, settings.max_per_img)


def find_two_stage_candidates(detector: TwoStageDetector, images: Tensor, shape: dict) -> InstanceData:
    """Return what a detector finds in an image before its second stage leaves out overlapping boxes."""
    settings = copy.deepcopy(detector.roi_head.test_cfg)
    settings.nms.iou_threshold, settings.max_per_img = _NO_SUPPRESSION, -1
    features = detector.extract_feat(images)
    proposals = detector.rpn_head.predict(features, [DetDataSample(metainfo=shape)], rescale=False)
    (found,) = detector.roi_head.predict_bbox(features, [shape], proposals, settings)
    return found


def check_two_stages(detector: TwoStageDetector, config: str) -> None:
    """Check that ``TwoStageBoxes`` computes what a detector does.

    Raises:
        ConfigError: if it has other parts than Faster R-CNN.
    """
    head = detector.roi_head
    extractor, box_head = getattr(head, 'bbox_roi_extractor', None), getattr(head, 'bbox_head', None)
    known = (
        type(head) is StandardRoIHead
        and not (head.with_mask or head.with_shared_head)
        and type(extractor) is SingleRoIExtractor
        and all(getattr(layer, 'aligned', False) and layer.pool_mode == 'avg' for layer in extractor.roi_layers)
        and isinstance(box_head, BBoxHead)
        and not (box_head.custom_cls_channels or box_head.reg_class_agnostic)
    )
    if not known:
        raise ConfigError(
            f'{config}: of detectors of two stages export takes Faster R-CNN, with a StandardRoIHead without masks, a '
            f'SingleRoIExtractor with aligned RoIAlign, and boxes by class'
        )
