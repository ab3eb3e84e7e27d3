"""Predictions of mmpretrain's classifiers and mmdet's detectors for image files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, MODELS
from torch import nn

from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.backends import PredictOptions
from shufflenet_zoo.jobs.predictions import Finding, Prediction
from shufflenet_zoo.openmmlab.runner import choose_device
from shufflenet_zoo.openmmlab.scope import enter_scope
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings
from shufflenet_zoo.weights.description import innermost
from shufflenet_zoo.weights.fetch import fetch_checkpoint, only_weights
from shufflenet_zoo.weights.file_torch import classes_of, description_of

# Steps that read files of a data set; here the image is given, and it has no annotations.
_LOADING = ('LoadImageFromFile', 'LoadAnnotations')


@only_weights()
def predict(config: Config, checkpoint: str, images: Sequence[str], options: PredictOptions) -> list[Prediction]:
    """Run a model on image files, with the test pipeline of its config.

    Args:
        config: What load_config returned; a classifier of mmpretrain or a detector of mmdet.
        checkpoint: The checkpoint, which must fit exactly.
        images: Image files.
        options: What to report.

    Returns:
        One prediction for every image.

    Raises:
        ShuffleNetZooError: if a file is missing or damaged, or the checkpoint does not fit.
    """
    silence_known_warnings()
    device = choose_device(options.device)
    arrays = [read_image(path) for path in images]
    content = fetch_checkpoint(checkpoint)
    model = build_model(config).to(device).eval()
    load_strictly(model, content, checkpoint)
    dataset = innermost_test_dataset(config)
    pipeline = image_pipeline(dataset)
    classes = find_class_names(content, checkpoint, dataset)
    predictions = []
    for path, image in zip(images, arrays, strict=True):
        with torch.no_grad():
            (sample,) = model.test_step(pipeline(image, path))
        predictions.append(Prediction(path, image, _findings(sample, classes, options)))
    return predictions


def build_model(config: Config) -> nn.Module:
    """Build the model of a config with its data preprocessor, which may stand beside it.

    Raises:
        ConfigError: if the config has no model.
    """
    if config.get('model') is None:
        raise ConfigError(f'{config.filename} has no model')
    enter_scope(config)
    model = config.model.copy()
    if config.get('data_preprocessor'):
        model.setdefault('data_preprocessor', config.data_preprocessor)
    return MODELS.build(model)


def innermost_test_dataset(config: Config) -> Mapping[str, Any]:
    """Return the innermost data set of the test dataloader, which has the pipeline."""
    dataset = innermost(config.get('test_dataloader'))
    if not dataset or 'pipeline' not in dataset:
        raise ConfigError(f'{config.filename} has no test_dataloader.dataset.pipeline, which would prepare the images')
    return dataset


def image_pipeline(dataset: Mapping[str, Any]) -> Callable[[np.ndarray, str], dict[str, Any]]:
    """Return what makes a batch of one from an image and its path, by the pipeline of a data set."""
    pipeline = Compose([step for step in dataset['pipeline'] if _name(step) not in _LOADING])

    def prepare(image: np.ndarray, path: str) -> dict[str, Any]:
        size = image.shape[:2]
        packed = pipeline({'img': image, 'img_path': path, 'img_id': 0, 'img_shape': size, 'ori_shape': size})
        return pseudo_collate([packed])

    return prepare


def _name(step: Any) -> str:
    kind = step.get('type') if isinstance(step, Mapping) else type(step)
    return kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__


def find_class_names(checkpoint: Mapping[str, Any], path: str, dataset: Mapping[str, Any]) -> Sequence[str]:
    """Return the class names that the checkpoint of a path tells, else those of the data set."""
    said = description_of(checkpoint, path)
    noted = classes_of(checkpoint.get('meta') or {}) or (said.class_names if said else ())
    if noted:
        return noted
    kind = dataset.get('type')
    # Without a scope of its own, the name is one of the config's default scope.
    with DATASETS.switch_scope_and_registry(None) as registry:
        cls = registry.get(kind) if isinstance(kind, str) else kind
    metainfo = dataset.get('metainfo') or {}
    return metainfo.get('classes') or getattr(cls, 'METAINFO', {}).get('classes') or ()


def _findings(sample: Any, classes: Sequence[str], options: PredictOptions) -> list[Finding]:
    if 'pred_instances' not in sample:
        scores, labels = sample.pred_score.topk(min(options.top_k, len(sample.pred_score)))
        return [
            Finding(_label(classes, label), score)
            for score, label in zip(scores.tolist(), labels.tolist(), strict=True)
        ]
    found = sample.pred_instances
    found = found[found.scores >= options.score_threshold]
    found = found[found.scores.argsort(descending=True)]
    return [
        Finding(_label(classes, label), score, tuple(box))
        for label, score, box in zip(found.labels.tolist(), found.scores.tolist(), found.bboxes.tolist(), strict=True)
    ]


def _label(classes: Sequence[str], label: int) -> str:
    return classes[label] if label < len(classes) else str(label)
