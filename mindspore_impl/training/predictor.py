"""Predictions of classifiers for image files in MindSpore."""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor
from mmengine.config import Config
from scipy.special import softmax

from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.backends import PredictOptions
from shufflenet_zoo.jobs.predictions import Finding, Prediction
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.classifier import build_classifier
from shufflenet_zoo.mindspore_impl.config_keys import require
from shufflenet_zoo.mindspore_impl.data.datasets import choose_dataset, known_classes
from shufflenet_zoo.mindspore_impl.data.preprocessor import build_preprocessor
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline


def predict(config: Config, checkpoint: str, images: Sequence[str], options: PredictOptions) -> list[Prediction]:
    """Run a classifier on image files, with the test pipeline of its config.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint, which must fit exactly.
        images: Image files.
        options: What to report.

    Returns:
        One prediction for every image.

    Raises:
        ShuffleNetZooError: if a file is missing or damaged, the checkpoint does not fit, or the config asks for what
            this backend does not have.
    """
    require(options.device in (None, 'cpu'), '--device', options.device, "'cpu'")
    if not config.get('model') or not config.get('test_dataloader'):
        raise ConfigError(f'{config.filename} has no model or no test_dataloader, whose pipeline prepares the images')
    key = 'test_dataloader.dataset'
    dataset = config.test_dataloader.get('dataset') or {}
    choose_dataset(dataset, key)
    pipeline = Pipeline.for_images(dataset.get('pipeline', ()), f'{key}.pipeline')
    preprocessor = build_preprocessor(config)
    arrays = [read_image(path) for path in images]
    # Every image may have a size of its own, for which graph mode would compile anew.
    ms.set_context(mode=ms.PYNATIVE_MODE)
    model, _ = build_classifier(config.model)
    said = load_weights(model, checkpoint)
    model.set_train(False)
    classes = (said.class_names if said else ()) or known_classes(dataset)
    predictions = []
    for path, image in zip(images, arrays, strict=True):
        logits = model(Tensor(preprocessor(pipeline(image)[None]))).asnumpy()
        predictions.append(Prediction(path, image, _findings(softmax(logits[0]), classes, options.top_k)))
    return predictions


def _findings(scores: np.ndarray, classes: Sequence[str], top_k: int) -> list[Finding]:
    return [
        Finding(classes[label] if label < len(classes) else str(label), float(scores[label]))
        for label in scores.argsort()[::-1][:top_k]
    ]
