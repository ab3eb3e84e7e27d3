"""A trained one-stage detector of mmdet for export, with decoding and non-maximum suppression."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import Tensor, nn
from torchvision.ops import batched_nms

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.backbones import to_deploy
from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.deployed.detector import Detector
from shufflenet_zoo.deployed.metadata import DetectorMetadata, Loaded
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.export.contract import DetectorSource, check_trained
from shufflenet_zoo.export.preparation import describe_fitting
from shufflenet_zoo.jobs.datasets import check_data
from shufflenet_zoo.openmmlab.predictor import build_model, find_class_names, innermost_test_dataset
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import weights_of

# How many test images a file is compared on, beside pictures of random colours.
_TEST_IMAGES, _RANDOM_IMAGES = 8, 2


class Boxes(nn.Module):
    """A detector as a function from one normalised image to boxes, scores and classes, the most certain first.

    It computes what ``predict_by_feat`` of mmdet's heads does, without branches on the number of boxes.

    Args:
        detector: Of mmdet; its head has priors, a coder of boxes, and scores of classes alone.
        channels: Channels of the images.
        size: Their height and width.
    """

    def __init__(self, detector: SingleStageDetector, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.detector = detector
        self.size = size
        with torch.no_grad():
            scores, _ = self._maps(torch.zeros(1, channels, *size))
        self.priors = detector.bbox_head.prior_generator.grid_priors(
            [level.shape[-2:] for level in scores], device='cpu'
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        head = self.detector.bbox_head
        settings = head.test_cfg
        levels = [self._best(*level) for level in zip(*self._maps(images), self.priors, strict=True)]
        scores, labels, deltas, priors = (torch.cat(parts) for parts in zip(*levels, strict=True))
        boxes = head.bbox_coder.decode(priors, deltas)
        if head.bbox_coder.clip_border:
            height, width = self.size
            boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))
        sides = boxes[:, 2:] - boxes[:, :2]
        kept = (scores > settings.get('score_thr', 0)) & (sides > settings.get('min_bbox_size', -1)).all(1)
        boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        best = batched_nms(boxes, scores, labels, settings.nms.iou_threshold)[: settings.max_per_img]
        return boxes[best], scores[best], labels[best]

    def _maps(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        return self.detector.bbox_head(self.detector.extract_feat(images))

    def _best(self, scores: Tensor, deltas: Tensor, priors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the best scores of a level with their classes, encoded boxes and priors."""
        head = self.detector.bbox_head
        scores = scores[0].permute(1, 2, 0).reshape(len(priors), head.cls_out_channels)
        # The last class of a softmax is the background.
        scores = scores.sigmoid() if head.use_sigmoid_cls else scores.softmax(-1)[:, :-1]
        count = min(head.test_cfg.nms_pre, len(priors) * head.num_classes)
        scores, order = scores.flatten().topk(count)
        place = order.div(head.num_classes, rounding_mode='floor')
        return scores, order % head.num_classes, deltas[0].permute(1, 2, 0).reshape(-1, 4)[place], priors[place]


def open_source(config: Config, checkpoint: str, deploy: bool, input_size: tuple[int, int] | None) -> DetectorSource:
    """Build the detector of a config with the weights of a checkpoint; see torch_source.open_source."""
    silence_known_warnings()
    content = fetch_checkpoint(checkpoint)
    model = build_model(config).eval()
    _check_model(config, model)
    load_strictly(model, content, checkpoint)
    check_trained(weights_of(content), checkpoint)
    try:
        plan = plan_backbone(config.model.backbone)
        deployed = to_deploy(model) if deploy else model
    except ArgumentError as error:
        raise ConfigError(f'{config.filename}: {error}') from error
    dataset = innermost_test_dataset(config)
    class_names = tuple(find_class_names(content, checkpoint, dataset))
    metadata = _metadata(config, model, class_names, dataset, input_size)
    height, width = metadata.input_size
    sample = DetDataSample(metainfo={'img_shape': (height, width), 'scale_factor': (1.0, 1.0)})

    def run(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.no_grad():
            (found,) = model.predict(torch.from_numpy(images), [sample.clone()], rescale=False)
        found = found.pred_instances
        return found.bboxes.numpy(), found.scores.numpy(), found.labels.numpy()

    return DetectorSource(
        Boxes(deployed, plan.in_channels, metadata.input_size).eval().requires_grad_(False),
        run,
        plan.in_channels,
        plan.min_size,
        metadata,
        'torch',
        images=_examples(config, dataset, metadata),
        score_threshold=model.bbox_head.test_cfg.get('score_thr', 0),
        max_boxes=model.bbox_head.test_cfg.max_per_img,
    )


def _check_model(config: Config, model: nn.Module) -> None:
    """Check that Boxes computes what the model does.

    Raises:
        ConfigError: if it has parts, or a setting of the test, that Boxes does not know.
    """
    head = getattr(model, 'bbox_head', None)
    if not isinstance(model, SingleStageDetector) or not isinstance(head, BaseDenseHead):
        raise ConfigError(
            f'{config.filename}: export takes detectors of one stage like RetinaNet, SSD and RTMDet; '
            f'the config has {config.model.get("type")!r}'
        )
    if not hasattr(head, 'prior_generator') or getattr(head, 'with_objectness', False):
        raise ConfigError(
            f'{config.filename}: export takes heads with priors and with scores of classes alone; '
            f'{type(head).__name__} is another'
        )
    nms = head.test_cfg.get('nms') or {}
    if set(nms) != {'type', 'iou_threshold'} or nms['type'] != 'nms' or head.test_cfg.get('nms_pre', 0) < 1:
        raise ConfigError(
            f'{config.filename}: export takes model.test_cfg with nms_pre and nms=dict(type="nms", iou_threshold=...); '
            f'the config has nms_pre={head.test_cfg.get("nms_pre")} and nms={dict(nms)}'
        )


def _metadata(
    config: Config,
    model: nn.Module,
    class_names: tuple[str, ...],
    dataset: Mapping[str, Any],
    input_size: tuple[int, int] | None,
) -> DetectorMetadata:
    preprocessor = model.data_preprocessor
    normalises = getattr(preprocessor, '_enable_normalize', False)
    said = describe_fitting(dataset['pipeline'], input_size, config.filename)
    divisor = preprocessor.pad_size_divisor
    if any(side % divisor for side in said['input_size']):
        raise ConfigError(
            f'{config.filename}: images of {said["input_size"][0]}x{said["input_size"][1]} would be filled up to '
            f'multiples of {divisor} (model.data_preprocessor.pad_size_divisor); give such a size with --input-size'
        )
    return DetectorMetadata(
        mean=tuple(preprocessor.mean.flatten().tolist()) if normalises else (0.0,) * 3,
        std=tuple(preprocessor.std.flatten().tolist()) if normalises else (1.0,) * 3,
        channel_order='rgb' if preprocessor._channel_conversion else 'bgr',
        class_names=class_names,
        **said,
    )


def _examples(config: Config, dataset: Mapping[str, Any], metadata: DetectorMetadata) -> list[np.ndarray]:
    """Return prepared images: pictures of random colours, and test images where the data is there."""
    prepare = Detector(Loaded(lambda images: None), metadata).prepare
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(_RANDOM_IMAGES)]
    # Not built where the annotations are missing: the digits would be made.
    if Path(dataset.get('data_root') or '', dataset.get('ann_file') or '').is_file():
        check_data(config, ('test_dataloader',))
        built = DATASETS.build(dataset)
        picked = np.linspace(0, len(built) - 1, min(_TEST_IMAGES, len(built))).astype(int)
        pictures += [read_image(built.get_data_info(int(index))['img_path'])[..., ::-1] for index in picked]
    return [prepare(picture) for picture in pictures]
