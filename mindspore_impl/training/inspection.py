"""What figures show of classifiers and their data in MindSpore."""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from mmengine.config import Config
from scipy.special import softmax

from shufflenet_zoo.data.images import read_image
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
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.classifier import ImageClassifier, build_classifier
from shufflenet_zoo.mindspore_impl.config_keys import require
from shufflenet_zoo.mindspore_impl.data.datasets import build_dataset, choose_dataset, known_classes
from shufflenet_zoo.mindspore_impl.data.loader import DataLoader, pad_batch
from shufflenet_zoo.mindspore_impl.data.preprocessor import build_preprocessor
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline

_TRAIN, _TEST = 'train_dataloader', 'test_dataloader'


class _Responder(nn.Cell):
    """Maps images to pooled features and to scores."""

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.model = model

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.model.neck(self.model.backbone(images))
        return pooled[-1], self.model.head(pooled)


def respond(config: Config, checkpoint: str, device: str | None = None) -> Responses:
    """Run a classifier on the test data of its config.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint, which must fit exactly.
        device: 'cpu' or None.

    Raises:
        ShuffleNetZooError: if the checkpoint does not fit, or the config describes no classifier and its data.
    """
    ms.set_context(mode=ms.GRAPH_MODE)
    model, names = _load(config, checkpoint, device)
    check_data(config, DATALOADERS[2:])
    loader = DataLoader(config[_TEST], _TEST, build_preprocessor(config), config.model.head.num_classes, seed=0)
    responder = _Responder(model).set_train(False)
    features, logits, labels = [], [], []
    for images, batch_labels in loader.epoch(0):
        pooled, scores = responder(Tensor(pad_batch(images, loader.batch_size)))
        features.append(pooled.asnumpy()[: len(images)])
        logits.append(scores.asnumpy()[: len(images)])
        labels.append(batch_labels)
    scores = np.concatenate(logits)
    names = complete_names(names or loader.dataset.class_names, scores.shape[1])
    return Responses(np.concatenate(features), scores, np.concatenate(labels), names)


def augment(config: Config, number: int, times: int) -> list[AugmentedImage]:
    """Augment training images as a training does, with seeds that are the same in both backends.

    Args:
        config: What load_config returned.
        number: How many images, spread over the data set.
        times: How often each is augmented.

    Raises:
        ShuffleNetZooError: if the config has no training data, or data that this backend does not read.
    """
    require_sections(config, 'training', (_TRAIN,))
    require_classifier(config)
    section, key = config[_TRAIN].dataset, f'{_TRAIN}.dataset'
    choose_dataset(section, key)
    check_data(config, DATALOADERS[:1])
    dataset = build_dataset(section, key)
    pipeline = Pipeline(section.get('pipeline', ()), f'{key}.pipeline', dataset.has_files)
    seed = (config.get('randomness') or {}).get('seed') or 0
    samples = []
    for index in spread(number, len(dataset)):
        sample, label = dataset.samples[index], int(dataset.labels[index])
        seeds = [derive_seed(seed, SAMPLE_STREAM, 0, time, index) for time in range(times)]
        samples.append(
            AugmentedImage(
                complete_names(dataset.class_names, label + 1)[label],
                read_image(sample) if dataset.has_files else sample,
                [pipeline(sample, one) for one in seeds],
            )
        )
    return samples


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
        device: 'cpu' or None.

    Raises:
        ShuffleNetZooError: if a file is missing or damaged, or the model has no such class or stage.
    """
    arrays = [read_image(path) for path in images]
    # Every image may have a size of its own, for which graph mode would compile anew.
    ms.set_context(mode=ms.PYNATIVE_MODE)
    model, names = _load(config, checkpoint, device)
    names = complete_names(names, config.model.head.num_classes)
    chosen = choose_class(wanted, names)
    pipeline = Pipeline.for_images(config[_TEST].dataset.get('pipeline', ()), f'{_TEST}.dataset.pipeline')
    preprocessor = build_preprocessor(config)
    layers = list(model.backbone.layers)
    first = check_stage(stage, len(layers)) + 1
    found = []
    for array in arrays:
        image = pipeline(array)
        activations = model.backbone.maxpool(model.backbone.conv1(Tensor(preprocessor(image[None]))))
        for layer in layers[:first]:
            activations = layer(activations)
        scores = _score(model, layers[first:], activations)[0].asnumpy()
        label = int(scores.argmax()) if chosen is None else chosen

        def score(x: Tensor, label: int = label) -> Tensor:
            return _score(model, layers[first:], x)[0, label]

        gradients = ms.grad(score)(activations)
        heat = weigh_activations(activations[0].asnumpy(), gradients[0].asnumpy(), image)
        found.append(HeatMap(names[label], float(softmax(scores)[label]), image, heat))
    return found


def _load(config: Config, checkpoint: str, device: str | None) -> tuple[ImageClassifier, Sequence[str]]:
    """Return the classifier of a config with the weights of a checkpoint, and the names of its classes."""
    require(device in (None, 'cpu'), '--device', device, "'cpu'")
    require_sections(config, 'test', ('model', _TEST))
    require_classifier(config)
    dataset = config[_TEST].get('dataset') or {}
    choose_dataset(dataset, f'{_TEST}.dataset')
    model, _ = build_classifier(config.model)
    said = load_weights(model, checkpoint)
    model.set_train(False)
    return model, (said.class_names if said else ()) or known_classes(dataset)


def _score(model: ImageClassifier, layers: Sequence[nn.Cell], activations: Tensor) -> Tensor:
    """Compute scores from what a stage gives, by the layers behind it."""
    for layer in layers:
        activations = layer(activations)
    return model.head(model.neck((activations,)))
