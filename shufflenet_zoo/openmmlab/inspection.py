"""What figures show of mmpretrain's classifiers and their data."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import Tensor, nn

from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.config import DATALOADERS
from shufflenet_zoo.jobs.datasets import check_data
from shufflenet_zoo.jobs.inspection import (
    AugmentedImage,
    HeatMap,
    Responses,
    check_stage,
    choose_class,
    complete_names,
    require_classifier,
    spread,
    weigh_activations,
)
from shufflenet_zoo.jobs.preflight import require_sections
from shufflenet_zoo.jobs.seeds import SAMPLE_STREAM, derive_seed
from shufflenet_zoo.openmmlab.predictor import build_model, find_class_names, image_pipeline, innermost_test_dataset
from shufflenet_zoo.openmmlab.runner import choose_device
from shufflenet_zoo.openmmlab.scope import enter_scope
from shufflenet_zoo.openmmlab.seeding import seed_all
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings
from shufflenet_zoo.weights.fetch import fetch_checkpoint, only_weights


@only_weights()
def respond(config: Config, checkpoint: str, device: str | None = None) -> Responses:
    """Run a classifier on the test data of its config.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint, which must fit exactly.
        device: 'cpu', 'cuda' or None, which takes what there is.

    Raises:
        ShuffleNetZooError: if the checkpoint does not fit, or the config describes no classifier and its data.
    """
    model, names = _load(config, checkpoint, device)
    check_data(config, DATALOADERS[2:])
    loader = copy.deepcopy(config.test_dataloader)
    loader.setdefault('collate_fn', {'type': 'default_collate'})
    features, logits, labels = [], [], []
    for batch in Runner.build_dataloader(loader):
        data = model.data_preprocessor(batch)
        with torch.no_grad():
            pooled = model.extract_feat(data['inputs'])
            logits.append(model.head(pooled).cpu().numpy())
            features.append(model.head.pre_logits(pooled).cpu().numpy())
        labels += [int(sample.gt_label) for sample in data['data_samples']]
    scores = np.concatenate(logits)
    return Responses(np.concatenate(features), scores, np.array(labels), complete_names(names, scores.shape[1]))


def augment(config: Config, number: int, times: int) -> list[AugmentedImage]:
    """Augment training images as a training does, with seeds that are the same in both backends.

    Args:
        config: What load_config returned.
        number: How many images, spread over the data set.
        times: How often each is augmented.

    Raises:
        ShuffleNetZooError: if the config has no training data.
    """
    silence_known_warnings()
    require_sections(config, 'training', ('train_dataloader',))
    require_classifier(config)
    check_data(config, DATALOADERS[:1])
    enter_scope(config)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    seed = (config.get('randomness') or {}).get('seed') or 0
    names = dataset.metainfo.get('classes') or ()
    samples = []
    for index in spread(number, len(dataset)):
        said = dataset.get_data_info(index)
        draws = []
        for time in range(times):
            seed_all(derive_seed(seed, SAMPLE_STREAM, 0, time, index))
            draws.append(_as_image(dataset[index]['inputs']))
        original = said['img'] if 'img' in said else read_image(said['img_path'])
        label = said['gt_label']
        samples.append(AugmentedImage(complete_names(names, label + 1)[label], original, draws))
    return samples


@only_weights()
def find_evidence(
    config: Config,
    checkpoint: str,
    images: Sequence[str],
    wanted: str | None = None,
    stage: int = -1,
    device: str | None = None,
) -> list[HeatMap]:
    """Find where in images a class is seen, by Grad-CAM.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint, which must fit exactly.
        images: Image files.
        wanted: Name of the class. Default: None, the most probable one of each image.
        stage: The stage of the backbone whose activations are weighed. Default: -1, the last.
        device: 'cpu', 'cuda' or None, which takes what there is.

    Raises:
        ShuffleNetZooError: if a file is missing or damaged, or the model has no such class or stage.
    """
    arrays = [read_image(path) for path in images]
    model, names = _load(config, checkpoint, device)
    pipeline = image_pipeline(innermost_test_dataset(config))
    if not hasattr(model.backbone, 'layers'):
        raise ConfigError(f'{config.filename}: {type(model.backbone).__name__} is none of the backbones with stages')
    layer = model.backbone.layers[check_stage(stage, len(model.backbone.layers))]
    found = []
    for path, array in zip(images, arrays, strict=True):
        batch = pipeline(array, path)
        image = _as_image(batch['inputs'][0])
        inputs = model.data_preprocessor(batch)['inputs']
        # Where layers are frozen, nothing but the images would ask for gradients.
        activations, scores = _run_to_scores(model, layer, inputs.requires_grad_())
        label = choose_class(wanted, complete_names(names, len(scores)))
        label = int(scores.argmax()) if label is None else label
        (gradients,) = torch.autograd.grad(scores[label], activations)
        heat = weigh_activations(*(values[0].detach().cpu().numpy() for values in (activations, gradients)), image)
        score = float(scores.detach().softmax(0)[label])
        found.append(HeatMap(complete_names(names, len(scores))[label], score, image, heat))
    return found


def _load(config: Config, checkpoint: str, device: str | None) -> tuple[nn.Module, Sequence[str]]:
    """Return the classifier of a config with the weights of a checkpoint, and the names of its classes."""
    silence_known_warnings()
    require_sections(config, 'test', ('model', 'test_dataloader'))
    require_classifier(config)
    dataset = innermost_test_dataset(config)
    device = choose_device(device)
    content = fetch_checkpoint(checkpoint)
    model = build_model(config).to(device).eval()
    load_strictly(model, content, checkpoint)
    return model, find_class_names(content, checkpoint, dataset)


def _run_to_scores(model: nn.Module, layer: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a layer gives for a batch of one image, and the scores of shape (classes,)."""
    kept = []
    hook = layer.register_forward_hook(lambda module, arguments, output: kept.append(output))
    try:
        (scores,) = model(inputs)
    finally:
        hook.remove()
    return kept[0], scores


def _as_image(inputs: Tensor) -> np.ndarray:
    """Return what a pipeline packed, uint8 of shape (3, height, width), as an image."""
    return inputs.permute(1, 2, 0).numpy()
