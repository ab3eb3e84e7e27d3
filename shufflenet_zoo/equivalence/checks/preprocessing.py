"""The pixels that both backends' own pipelines make of the same image files."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.measurement import Measurement, Outcome

NETWORK = 'preprocessing'
# Levels of 255: both backends read and resize with the same functions of OpenCV and Pillow.
_BOUND = 0.0
_SEED = 7
_MEAN_AND_STD = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}
_LOAD = {'type': 'LoadImageFromFile'}
_PACK = {'type': 'PackInputs'}
# Name: transforms, and what the preprocessor gets.
_PIPELINES = {
    'file as it is': ((), None),
    'center crop': (({'type': 'CenterCrop', 'crop_size': 64},), None),
    'random crop': (({'type': 'RandomCrop', 'crop_size': 64, 'padding': 4},), None),
    'flip': (({'type': 'RandomFlip', 'prob': 0.5, 'direction': 'horizontal'},), None),
    'channel order and normalisation': (({'type': 'CenterCrop', 'crop_size': 64},), _MEAN_AND_STD),
    'resized short edge': (({'type': 'ResizeEdge', 'scale': 96, 'edge': 'short'},), None),
    'resized by Pillow': (
        ({'type': 'ResizeEdge', 'scale': 96, 'edge': 'short', 'backend': 'pillow', 'interpolation': 'bicubic'},),
        None,
    ),
    'enlarged, bicubic': (({'type': 'Resize', 'scale': (300, 200), 'interpolation': 'bicubic'},), None),
    'random resized crop': (({'type': 'RandomResizedCrop', 'scale': 64},), None),
}
# Height, width and suffix of the image files.
_FILES = ((120, 160, '.png'), (131, 97, '.png'), (160, 120, '.jpg'), (81, 243, '.jpg'))


def check_preprocessing(configs: Sequence[Mapping[str, Any]] = ()) -> Outcome:
    """Run pipelines of every kind, and those of the configs, over image files in both backends.

    Args:
        configs: Configs of classifiers, whose pipelines are run too.
    """
    measurements = []
    with tempfile.TemporaryDirectory() as folder:
        files = list(_write_files(Path(folder)))
        for name, transforms, preprocessor in (*_own_pipelines(), *_pipelines_of(configs)):
            for number, path in enumerate(files):
                ours, theirs = (
                    run(transforms, preprocessor, path, _SEED + number) for run in (_run_mindspore, _run_mmpretrain)
                )
                scale = float(np.max(preprocessor['std'])) if preprocessor and preprocessor.get('std') else 1.0
                measurements.append(
                    Measurement(NETWORK, 'preprocessing', path.name, name, _levels(ours, theirs) * scale, _BOUND)
                )
    return Outcome(tuple(measurements))


def _own_pipelines() -> Iterator[tuple]:
    for name, (transforms, preprocessor) in _PIPELINES.items():
        yield name, [_LOAD, *transforms, _PACK], preprocessor


def _pipelines_of(configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple]:
    for config in configs:
        # The model's own section counts, as for mmengine.
        preprocessor = (config.get('model') or {}).get('data_preprocessor') or config.get('data_preprocessor')
        for split in ('train', 'test'):
            pipeline = (config.get(f'{split}_dataloader') or {}).get('dataset', {}).get('pipeline')
            if pipeline:
                transforms = [_LOAD, *(dict(item) for item in pipeline if 'LoadImage' not in str(item['type']))]
                yield f"the config's {split} pipeline", transforms, preprocessor


def _levels(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        return float('inf')
    return float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max())


def _write_files(folder: Path) -> Iterator[Path]:
    """Write images with smooth areas, edges and noise."""
    from PIL import Image

    randoms = np.random.default_rng(_SEED)
    for number, (height, width, suffix) in enumerate(_FILES):
        rows, columns = np.mgrid[:height, :width]
        waves = np.stack(
            [np.sin(rows / (7 + number + channel)) + np.cos(columns / (5 + channel)) for channel in range(3)], axis=-1
        )
        pixels = 127 + 40 * waves + randoms.normal(0, 12, (height, width, 3))
        pixels[height // 3 : height // 2, width // 4 : width // 2] = randoms.integers(0, 256, 3)
        path = folder / f'{height}x{width}{suffix}'
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        yield path


def _run_mindspore(transforms: list[dict], preprocessor: Mapping[str, Any] | None, path: Path, seed: int) -> np.ndarray:
    """Return what our MindSpore pipeline makes of a file, of shape (C, H, W)."""
    from shufflenet_zoo.mindspore_impl.data.preprocessor import Preprocessor
    from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline

    image = Pipeline(transforms, 'pipeline', has_files=True)(str(path), seed)
    return Preprocessor(preprocessor)(image[None])[0]


def _run_mmpretrain(
    transforms: list[dict], preprocessor: Mapping[str, Any] | None, path: Path, seed: int
) -> np.ndarray:
    """Return what mmpretrain's pipeline makes of a file, of shape (C, H, W)."""
    import torch
    from mmpretrain.datasets import transforms as _  # noqa: F401 registers the transforms
    from mmpretrain.models import ClsDataPreprocessor
    from mmpretrain.registry import TRANSFORMS

    np.random.seed(seed)
    results = {'img_path': str(path)}
    for transform in transforms[:-1]:
        results = TRANSFORMS.build(dict(transform))(results)
    image = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
    own = {key: value for key, value in (preprocessor or {}).items() if key != 'type'}
    batch = ClsDataPreprocessor(**own)({'inputs': torch.from_numpy(image)[None]})
    return batch['inputs'][0].numpy()
