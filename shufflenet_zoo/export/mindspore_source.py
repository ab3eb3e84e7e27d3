"""A trained classifier of MindSpore for export."""

from collections.abc import Iterator

import shufflenet_zoo.mindspore_impl  # noqa: F401  sets oneDNN up before mindspore's first convolution  # isort: skip
import mindspore as ms
import numpy as np
from mindspore import Tensor
from mmengine.config import Config

from shufflenet_zoo.deployed.metadata import Metadata
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.contract import PHOTOGRAPHS, Source, check_trained
from shufflenet_zoo.export.preparation import describe_steps
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights
from shufflenet_zoo.mindspore_impl.classifier import build_classifier
from shufflenet_zoo.mindspore_impl.data.datasets import choose_dataset, known_classes
from shufflenet_zoo.mindspore_impl.data.preprocessor import build_preprocessor
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline
from shufflenet_zoo.mindspore_impl.deploy import to_deploy
from shufflenet_zoo.weights.files import read_content

_KEY = 'test_dataloader.dataset'


def open_source(
    config: Config, checkpoint: str, deploy: bool, input_size: tuple[int, int] | None, dynamic: bool
) -> Source:
    """Build the classifier of a config with the weights of a .ckpt file; see torch_source.open_source."""
    if not config.get('model') or not config.get('test_dataloader'):
        raise ConfigError(f'{config.filename} has no model or no test_dataloader, whose pipeline prepares the images')
    # Every size that is compared would be compiled anew in graph mode.
    ms.set_context(mode=ms.PYNATIVE_MODE)
    model, _ = build_classifier(config.model)
    said = load_weights(model, checkpoint)
    check_trained(read_content(checkpoint).tensors, checkpoint)
    model.set_train(False)
    plan = model.backbone.plan

    def run(images: np.ndarray) -> np.ndarray:
        # Loading the written file chooses graph mode.
        ms.set_context(mode=ms.PYNATIVE_MODE)
        return model(Tensor(images)).asnumpy()

    class_names = (said.class_names if said else ()) or known_classes(config.test_dataloader.get('dataset') or {})
    metadata = _metadata(config, input_size, plan.in_channels, class_names, dynamic)
    return Source(to_deploy(model) if deploy else model, run, plan.in_channels, plan.min_size, metadata, 'mindspore')


def _metadata(
    config: Config, input_size: tuple[int, int] | None, channels: int, class_names: tuple[str, ...], dynamic: bool
) -> Metadata:
    preprocessor = build_preprocessor(config)
    normalises = preprocessor.mean is not None
    return Metadata(
        mean=tuple(preprocessor.mean.ravel().tolist()) if normalises else (0.0,) * channels,
        std=tuple(preprocessor.std.ravel().tolist()) if normalises else (1.0,) * channels,
        channel_order='rgb' if preprocessor.to_rgb else 'bgr',
        input_size=input_size or _pipeline_size(config, dynamic),
        class_names=tuple(map(str, class_names)),
        **describe_steps(config.test_dataloader.dataset.get('pipeline', ()), input_size),
    )


def _pipeline_size(config: Config, dynamic: bool) -> tuple[int, int]:
    """Return the height and width of what the test pipeline gives, one of several if the file is dynamic."""
    dataset = config.test_dataloader.dataset
    steps = dataset.get('pipeline', ())
    pipeline = Pipeline.for_images(steps, f'{_KEY}.pipeline')
    sizes = {pipeline(np.zeros((*size, 3), np.uint8)).shape[:2] for size in PHOTOGRAPHS}
    if len(sizes) > 1:
        try:
            built = choose_dataset(dataset, _KEY)(dataset, _KEY)
            sizes = {Pipeline(steps, f'{_KEY}.pipeline', built.has_files)(built.samples[0]).shape[:2]}
        except Exception as error:  # no data, no size
            if dynamic:
                return min(sizes)
            raise ConfigError(
                f'{config.filename}: the size of the images depends on the data, which cannot be read; '
                f'give it with --input-size HEIGHT WIDTH'
            ) from error
    return tuple(int(side) for side in sizes.pop())


def calibration_batches(config: Config, count: int) -> list[np.ndarray]:
    """Refuse: int8 is made from PyTorch checkpoints."""
    raise ConfigError('--int8 needs --backend torch; tools/convert_weights.py turns a .ckpt file into a .pth file')


def labelled_images(config: Config) -> Iterator[tuple[np.ndarray, int]]:
    """Refuse, as calibration_batches does."""
    raise ConfigError('--int8 needs --backend torch; tools/convert_weights.py turns a .ckpt file into a .pth file')
