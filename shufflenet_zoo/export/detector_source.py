"""A trained detector of mmdet for export."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector, TwoStageDetector
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.structures import InstanceData
from torch import Tensor, nn

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.backbones import to_deploy
from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.deployed.decoding import Decoding
from shufflenet_zoo.deployed.detector import Detector
from shufflenet_zoo.deployed.metadata import DetectorMetadata, Loaded
from shufflenet_zoo.deployed.quiet import quiet
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.export.calibration import training_loader
from shufflenet_zoo.export.comparison import Found, Limits
from shufflenet_zoo.export.contract import DetectorSource, check_trained
from shufflenet_zoo.export.detector_modules import Boxes, Outputs, describe_decoding
from shufflenet_zoo.export.evaluation import evaluate
from shufflenet_zoo.export.preparation import describe_fitting
from shufflenet_zoo.export.two_stage import (
    TwoStageBoxes,
    check_two_stages,
    find_two_stage_candidates,
    two_stage_limits,
)
from shufflenet_zoo.jobs.datasets import check_data
from shufflenet_zoo.openmmlab.predictor import build_model, find_class_names, innermost_test_dataset
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings
from shufflenet_zoo.weights.description import innermost
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import weights_of

# How many test images a file is compared on, beside pictures of random colours.
_TEST_IMAGES, _RANDOM_IMAGES = 8, 2


def open_source(
    config: Config, checkpoint: str, deploy: bool, input_size: tuple[int, int] | None, decode: bool = True
) -> DetectorSource:
    """Build the detector of a config with the weights of a checkpoint; see torch_source.open_source.

    Args:
        config: As there.
        checkpoint: As there.
        deploy: As there.
        input_size: As there.
        decode: Whether the model returns boxes rather than what is decoded into them. Default: True.
    """
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
    try:
        exported, limits, decoding = _export_form(deployed, plan.in_channels, metadata.input_size, decode)
    except ConfigError as error:
        raise ConfigError(f'{config.filename}: {error}') from error
    height, width = metadata.input_size
    shape = {'img_shape': (height, width), 'scale_factor': (1.0, 1.0)}

    def run(images: np.ndarray) -> Found:
        with torch.no_grad():
            (found,) = model.predict(torch.from_numpy(images), [DetDataSample(metainfo=shape)], rescale=False)
        return _as_arrays(found.pred_instances)

    def candidates(images: np.ndarray) -> Found:
        with torch.no_grad():
            return _as_arrays(_find_candidates(model, torch.from_numpy(images), shape))

    return DetectorSource(
        exported.eval().requires_grad_(False),
        run,
        plan.in_channels,
        plan.min_size,
        replace(metadata, decoding=decoding),
        'torch',
        images=_examples(config, dataset, metadata),
        candidates=candidates,
        limits=limits,
    )


def _export_form(
    model: nn.Module, channels: int, input_size: tuple[int, int], decode: bool
) -> tuple[nn.Module, Limits, Decoding | None]:
    """Return what is exported of a detector, what ends its results, and the decoding that is left to do."""
    if isinstance(model, TwoStageDetector):
        return TwoStageBoxes(model, channels, input_size), two_stage_limits(model), None
    decoding = describe_decoding(model, model.bbox_head, channels, input_size)
    limits = Limits(decoding.score_threshold, decoding.iou_threshold, decoding.max_boxes)
    if decode:
        return Boxes(model, decoding, input_size), limits, None
    return Outputs(model), limits, decoding


def _find_candidates(model: nn.Module, images: Tensor, shape: dict[str, Any]) -> InstanceData:
    """Return what a detector finds before overlapping boxes are left out."""
    if isinstance(model, TwoStageDetector):
        return find_two_stage_candidates(model, images, shape)
    outputs = model.bbox_head(model.extract_feat(images))
    (found,) = model.bbox_head.predict_by_feat(*outputs, batch_img_metas=[shape], with_nms=False)
    return found


def _as_arrays(found: InstanceData) -> Found:
    return found.bboxes.numpy(), found.scores.numpy(), found.labels.numpy()


def _check_model(config: Config, model: nn.Module) -> None:
    """Check that the exported modules compute what the model does.

    Raises:
        ConfigError: if it has parts, or a setting of the test, that they do not know.
    """
    if isinstance(model, TwoStageDetector) and hasattr(model, 'rpn_head'):
        check_two_stages(model, config.filename)
        head, settings = model.rpn_head, {'rpn': model.rpn_head.test_cfg, 'rcnn': model.roi_head.test_cfg}
    else:
        head = getattr(model, 'bbox_head', None)
        if not isinstance(model, SingleStageDetector) or not isinstance(head, BaseDenseHead):
            raise ConfigError(
                f'{config.filename}: export takes detectors of one stage like RetinaNet, SSD and RTMDet, and Faster '
                f'R-CNN; the config has {config.model.get("type")!r}'
            )
        settings = {'': head.test_cfg}
    if not hasattr(head, 'prior_generator') or getattr(head, 'with_objectness', False):
        raise ConfigError(
            f'{config.filename}: export takes heads with priors and with scores of classes alone; '
            f'{type(head).__name__} is another'
        )
    for name, said in settings.items():
        _check_suppression(said, f'model.test_cfg.{name}'.rstrip('.'), name != 'rcnn', config.filename)


def _check_suppression(settings: Mapping[str, Any], key: str, before: bool, config: str) -> None:
    """Check that overlapping boxes are left out by what the exported modules know; ``before`` a number is taken."""
    nms = settings.get('nms') or {}
    if set(nms) != {'type', 'iou_threshold'} or nms['type'] != 'nms' or (before and settings.get('nms_pre', 0) < 1):
        raise ConfigError(
            f'{config}: export takes {key} with {"nms_pre and " if before else ""}nms=dict(type="nms", '
            f'iou_threshold=...); the config has nms_pre={settings.get("nms_pre")} and nms={dict(nms)}'
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
        class_names=tuple(map(str, class_names)),
        **said,
    )


def calibration_batches(config: Config, count: int, metadata: DetectorMetadata) -> list[np.ndarray]:
    """Return training images, prepared as for testing, one in a batch.

    Args:
        config: The config.
        count: How many; they are spread over the training data.
        metadata: How they are prepared.

    Raises:
        ConfigError: if the config has no training data.
        DataError: if the data is not there.
    """
    settings = innermost(training_loader(config))
    return [_prepare(metadata, picture) for picture in _read_pictures(settings, count)]


def measure(config: Config, path: Path) -> float:
    """Return the mAP of an exported file on the test data.

    Raises:
        ConfigError: if the config's test_evaluator does not tell one.
    """
    metrics = evaluate(config, path)
    found = [value for name, value in metrics.items() if name.endswith('mAP')]
    if len(found) != 1:
        raise ConfigError(
            f'{config.filename}: int8 needs a test_evaluator that tells the mAP; it tells {", ".join(metrics)}'
        )
    return found[0]


def _examples(config: Config, dataset: Mapping[str, Any], metadata: DetectorMetadata) -> list[np.ndarray]:
    """Return prepared images: pictures of random colours, and test images where the data is there."""
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(_RANDOM_IMAGES)]
    # Not built where the annotations are missing: the digits would be made.
    if Path(dataset.get('data_root') or '', dataset.get('ann_file') or '').is_file():
        check_data(config, ('test_dataloader',))
        pictures += _read_pictures(dataset, _TEST_IMAGES)
    return [_prepare(metadata, picture) for picture in pictures]


def _read_pictures(dataset: Mapping[str, Any], count: int) -> Iterator[np.ndarray]:
    """Yield pictures of a data set, spread over it, red first."""
    with quiet():  # pycocotools tells what it reads
        built = DATASETS.build(dataset)
    for index in np.linspace(0, len(built) - 1, min(count, len(built))).astype(int):
        yield read_image(built.get_data_info(int(index))['img_path'])[..., ::-1]


def _prepare(metadata: DetectorMetadata, picture: np.ndarray) -> np.ndarray:
    return Detector(Loaded(lambda images: None), metadata).prepare(picture)
