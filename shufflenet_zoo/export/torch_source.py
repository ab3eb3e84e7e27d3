"""A trained classifier of mmpretrain, and its data, for export."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS
from torch import Tensor, nn

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.backbones import to_deploy
from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.deployed.metadata import Metadata
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.export.calibration import training_loader
from shufflenet_zoo.export.contract import PHOTOGRAPHS, Source, check_trained
from shufflenet_zoo.export.preparation import describe_steps
from shufflenet_zoo.jobs.datasets import check_data
from shufflenet_zoo.openmmlab.predictor import build_model, find_class_names, innermost_test_dataset
from shufflenet_zoo.openmmlab.scope import enter_scope
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings
from shufflenet_zoo.weights.description import innermost
from shufflenet_zoo.weights.fetch import fetch_checkpoint
from shufflenet_zoo.weights.file_torch import weights_of


class Logits(nn.Module):
    """A classifier as a function from normalised images to logits."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.backbone = classifier.backbone
        self.neck = classifier.neck
        self.head = classifier.head

    def forward(self, images: Tensor) -> Tensor:
        features = self.backbone(images)
        return self.head(self.neck(features) if self.neck is not None else features)


def open_source(
    config: Config, checkpoint: str, deploy: bool, input_size: tuple[int, int] | None, dynamic: bool
) -> Source:
    """Build the classifier of a config with the weights of a checkpoint.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint, which must fit exactly.
        deploy: Whether to rewrite the network into its deploy form.
        input_size: Height and width of the images. None: what the test pipeline gives.
        dynamic: Whether the file is to take any size, so that where the pipeline gives several, one of them will do.

    Raises:
        ConfigError: if the config has no classifier with a backbone of this project, or the size is unknown.
        CheckpointError: if the checkpoint is missing, damaged, untrained or of another network.
    """
    silence_known_warnings()
    content = fetch_checkpoint(checkpoint)
    model = build_model(config).eval()
    if not {'backbone', 'head'} <= set(dict(model.named_children())) or not hasattr(model.head, 'loss_module'):
        raise ConfigError(
            f'{config.filename}: export takes a classifier (type ImageClassifier with a head); '
            f'the config has {config.model.get("type")!r}'
        )
    load_strictly(model, content, checkpoint)
    check_trained(weights_of(content), checkpoint)
    try:
        plan = plan_backbone(config.model.backbone)
        deployed = to_deploy(model) if deploy else model
    except ArgumentError as error:
        raise ConfigError(f'{config.filename}: {error}') from error
    live, rewritten = Logits(model).eval(), Logits(deployed).eval().requires_grad_(False)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return live(torch.from_numpy(images)).numpy()

    class_names = tuple(find_class_names(content, checkpoint, innermost_test_dataset(config)))
    metadata = _metadata(config, model, class_names, input_size, dynamic)
    return Source(rewritten, run, plan.in_channels, plan.min_size, metadata, 'torch')


def _metadata(
    config: Config, model: nn.Module, class_names: tuple[str, ...], size: tuple[int, int] | None, dynamic: bool
) -> Metadata:
    preprocessor = model.data_preprocessor
    channels = plan_backbone(config.model.backbone).in_channels
    normalises = getattr(preprocessor, '_enable_normalize', False)
    return Metadata(
        mean=tuple(preprocessor.mean.flatten().tolist()) if normalises else (0.0,) * channels,
        std=tuple(preprocessor.std.flatten().tolist()) if normalises else (1.0,) * channels,
        channel_order='rgb' if preprocessor.to_rgb else 'bgr',
        input_size=size or _pipeline_size(config, innermost_test_dataset(config), dynamic),
        class_names=tuple(map(str, class_names)),
        **describe_steps(innermost_test_dataset(config)['pipeline'], size),
    )


def _pipeline_size(config: Config, dataset: Mapping[str, Any], dynamic: bool) -> tuple[int, int]:
    """Return the height and width of what the test pipeline gives, one of several if the file is dynamic."""
    steps = Compose([step for step in dataset['pipeline'] if not str(step['type']).endswith('LoadImageFromFile')])
    sizes = {
        tuple(
            steps(
                {
                    'img': np.zeros((*size, 3), np.uint8),
                    'img_path': '',
                    'img_shape': size,
                    'ori_shape': size,
                    'gt_label': 0,
                }
            )['inputs'].shape[-2:]
        )
        for size in PHOTOGRAPHS
    }
    if len(sizes) > 1:
        try:
            check_data(config, ('test_dataloader',))
            sizes = {tuple(DATASETS.build(config.test_dataloader.dataset)[0]['inputs'].shape[-2:])}
        except Exception as error:  # no data, no size
            if dynamic:
                return min(sizes)
            raise ConfigError(
                f'{config.filename}: the size of the images depends on the data, which cannot be read; '
                f'give it with --input-size HEIGHT WIDTH'
            ) from error
    return sizes.pop()


def calibration_batches(config: Config, count: int) -> list[np.ndarray]:
    """Return training images, prepared as for testing, one in a batch.

    Args:
        config: The config.
        count: How many; they are spread over the training data.

    Raises:
        ConfigError: if the config has no training data.
        DataError: if the data is not there.
    """
    loader = training_loader(config)
    innermost(loader)['pipeline'] = innermost_test_dataset(config)['pipeline']
    dataset = _build_dataset(config, loader['dataset'])
    picked = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)
    return [images for images, _ in _prepared(config, (dataset[int(index)] for index in picked))]


def labelled_images(config: Config) -> Iterator[tuple[np.ndarray, int]]:
    """Yield every test image, prepared and in a batch of its own, with its label.

    Raises:
        DataError: if the data is not there.
    """
    check_data(config, ('test_dataloader',))
    dataset = _build_dataset(config, config.test_dataloader.dataset)
    yield from _prepared(config, (dataset[index] for index in range(len(dataset))))


def _build_dataset(config: Config, settings: Mapping[str, Any]) -> Any:
    enter_scope(config)
    return DATASETS.build(settings)


def _prepared(config: Config, samples: Iterator[dict]) -> Iterator[tuple[np.ndarray, int]]:
    preprocess = build_model(config).data_preprocessor
    for sample in samples:
        batch = preprocess(pseudo_collate([sample]), training=False)
        yield batch['inputs'].numpy(), int(batch['data_samples'][0].gt_label)
