"""The published weights, as data: a TOML file per publisher, a row per file of weights.

The keys of a row are the attributes of ``PublishedWeights``; what stands above the rows holds for all of a file. The
names of a data set's classes are in <data set>.txt.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.arch.variants import get_variant, list_models
from shufflenet_zoo.errors import CheckpointError

# What an address of weights in the index begins with, wherever a checkpoint is asked for.
SCHEME = 'zoo://'
_FOLDER = Path(__file__).parent
_SUFFIX = '.toml'
# What networks are trained on where nothing else is said.
_DATASET = 'imagenet-1k'


@dataclass(frozen=True)
class PublishedWeights:
    """One published file of weights.

    Attributes:
        model: The name of its network, one of ``list_models()``.
        tag: Its publisher, and what tells several of one network apart; unique for a model.
        source: Where the publisher's facts stand.
        licence: The licence of the weights, as far as it is stated.
        url: Where it is downloaded from; empty for files that come with this package.
        file: Name of a file that comes with this package, beside the index; empty for others.
        hash: 'sha256:' or 'sha1:' and the digits, or the first of them, as published; empty where none is.
        layout: Name of the layout. Default: '', recognised when it is read.
        backbone: Backbone arguments that differ from the variant's.
        part: 'classifier', or 'backbone' where the head is another task's.
        prefix: What the names of the part begin with, where the file holds more.
        dataset: The data set of the classifier, whose names of classes are beside the index.
        mean: Mean of each channel in grey levels.
        std: Standard deviation of each channel in grey levels.
        to_rgb: Whether the network gets RGB rather than BGR.
        resize: Pixels of the shorter side before the crop; None: as the images are.
        crop: Pixels of the central crop's sides; None: no crop.
        interpolation: Of the resizing.
        resize_backend: 'pillow' or 'cv2', by whose rule images are resized.
        top1: Published top-1 accuracy in percent, None where none is.
        top5: Published top-5 accuracy in percent, None where none is.
        result: What was published instead, where the weights were trained for another task.
        parameters: Published number of parameters, None where none is.
        archive: 'zip' where the file is the only one in a zip archive; the hash is that of the file in it.
        refused: Why we cannot read it; empty where we can.
        alias: A short name of its own, such as 'shufflenet_v1_digits'.
        recipe: The command that trained it, for files that come with this package.
        commit: The commit of this project that it was trained with.
    """

    model: str
    tag: str
    source: str
    licence: str
    url: str = ''
    file: str = ''
    hash: str = ''
    layout: str = ''
    backbone: Mapping[str, Any] = field(default_factory=dict)
    part: str = 'classifier'
    prefix: str = ''
    dataset: str = ''
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    to_rgb: bool = False
    resize: int | None = None
    crop: int | None = None
    interpolation: str = 'bilinear'
    resize_backend: str = 'cv2'
    top1: float | None = None
    top5: float | None = None
    result: str = ''
    parameters: int | None = None
    archive: str = ''
    refused: str = ''
    alias: str = ''
    recipe: str = ''
    commit: str = ''

    @property
    def name(self) -> str:
        """What it is called: model@tag."""
        return f'{self.model}@{self.tag}'

    @property
    def address(self) -> str:
        """What tools and configs take as a checkpoint."""
        return SCHEME + (self.alias or self.name)

    @property
    def backbone_config(self) -> dict[str, Any]:
        """The backbone's config dict of the network that was published."""
        return get_variant(self.model).backbone | dict(self.backbone)

    @property
    def architecture(self) -> Architecture:
        """The network that was published."""
        return Architecture.of(self.backbone_config)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of the outputs, empty for a backbone."""
        return class_names(self.dataset) if self.dataset else ()

    @property
    def preprocessing(self) -> dict[str, Any] | None:
        """What becomes of an image, as in a file's description; None where it is not known."""
        if self.mean is None:
            return None
        pipeline: list[dict[str, Any]] = []
        if self.resize:
            how = {'backend': self.resize_backend, 'interpolation': self.interpolation}
            pipeline.append({'type': 'ResizeEdge', 'scale': self.resize, 'edge': 'short', **how})
        if self.crop:
            pipeline.append({'type': 'CenterCrop', 'crop_size': self.crop})
        return {'mean': list(self.mean), 'std': list(self.std or ()), 'to_rgb': self.to_rgb, 'pipeline': pipeline}


@cache
def class_names(dataset: str) -> tuple[str, ...]:
    """Return the names of a data set's classes in the order of the outputs."""
    return tuple((_FOLDER / f'{dataset}.txt').read_text(encoding='utf-8').splitlines())


@cache
def published_weights() -> tuple[PublishedWeights, ...]:
    """Return all rows of the index, those first that ``pretrained=True`` prefers."""
    rows = []
    for path in sorted(_FOLDER.glob(f'*{_SUFFIX}')):
        content = tomllib.loads(path.read_text(encoding='utf-8'))
        shared = {key: value for key, value in content.items() if key != 'weights'}
        rows += [PublishedWeights(**shared | row) for row in content['weights']]
    return tuple(sorted(rows, key=_rank))


def _rank(row: PublishedWeights) -> tuple:
    """ImageNet's classifiers that can be read come first, the most accurate before the others."""
    return bool(row.refused), row.part != 'classifier', row.dataset != _DATASET, -(row.top1 or 0), -(row.top5 or 0)


def list_weights(pattern: str = '*') -> list[str]:
    """Return the names of the published weights: ``zoo://NAME`` is an address that every tool takes.

    Args:
        pattern: Only those whose name, model, tag or alias matches it, such as 'v2*', 'shufflenet_v2_1.0x' or
            'torchvision'; 'shufflenet_' may be left out.

    Examples:
        >>> list_weights('shufflenet_v1_g3_1.0x')
        ['shufflenet_v1_g3_1.0x@mmpretrain', 'shufflenet_v1_g3_1.0x@mindcv', 'shufflenet_v1_g3_1.0x@pytorchcv', ...]
    """
    return [
        row.alias or row.name
        for row in published_weights()
        if any(fnmatch(name, wanted) for name in _names(row) for wanted in (pattern, f'shufflenet_{pattern}'))
    ]


def _names(row: PublishedWeights) -> tuple[str, ...]:
    return tuple(filter(None, (row.name, row.model, row.tag, row.alias)))


def get_weights(name: str, tag: str | None = None) -> PublishedWeights:
    """Return the row of published weights.

    Args:
        name: 'model@tag', an alias, or a model alone, which means the weights that ``pretrained=True`` takes: of
            ImageNet's classifiers that can be read the one of the highest published accuracy. It may begin with
            'zoo://'.
        tag: The tag, where name is the model alone.

    Raises:
        CheckpointError: if there is none, with the nearest names.
    """
    wanted = name.removeprefix(SCHEME)
    wanted = f'{wanted}@{tag}' if tag else wanted
    rows = published_weights()
    for row in rows:
        if wanted in (row.alias, row.name):
            return row
    best = next((row for row in rows if row.model == wanted), None)
    if best and (best.refused, best.part, best.dataset) == ('', 'classifier', _DATASET):
        return best
    model = wanted.partition('@')[0]
    of_model = [row.alias or row.name for row in rows if row.model == model]
    if of_model:
        raise CheckpointError(f'there are no published weights {wanted!r}; of {model} there are {", ".join(of_model)}')
    if model in list_models():
        raise CheckpointError(f'nobody has published weights of {model}; list_weights() names those that there are')
    known = [name for row in rows for name in (row.name, row.model, row.alias) if name]
    near = difflib.get_close_matches(wanted, known, n=3) or [row.name for row in rows[:3]]
    raise CheckpointError(f'there are no published weights {wanted!r}; did you mean {", ".join(dict.fromkeys(near))}?')
