"""The accuracy of many weights, measured as the test tool does, beside the published figures."""

import csv
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.data import digits
from shufflenet_zoo.data.folders import label_images
from shufflenet_zoo.errors import CheckpointError, DataError, ShuffleNetZooError
from shufflenet_zoo.jobs.backends import TestOptions, load_backend
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.jobs.tables import align
from shufflenet_zoo.weights.convert import convert
from shufflenet_zoo.weights.download import check_readable
from shufflenet_zoo.weights.files import write_weights
from shufflenet_zoo.weights.index import SCHEME, PublishedWeights, get_weights, list_weights
from shufflenet_zoo.weights.layouts import CANONICAL
from shufflenet_zoo.weights.run_config import FOLDER, config_of
from shufflenet_zoo.weights.zoo import is_address, read_any, single_precision

# The layout of each backend's own names.
_LAYOUTS = {'torch': CANONICAL, 'mindspore': 'mindspore'}
# The published data set that comes with the package, and the part of it that nothing was trained on.
_SHIPPED_DATA = {'digits': {'type': 'shufflenet_zoo.Digits', 'split': 'test'}}
# Fewer are read before a process that reads them has started.
_IMAGES_PER_WORKER = 1000
_COLUMNS = ('weights', 'images', 'top-1', 'published', 'difference', 'top-5', 'published', 'difference')
_CSV_COLUMNS = ('weights', 'images', 'top1', 'published_top1', 'top5', 'published_top5', 'reason')


@dataclass(frozen=True)
class Result:
    """What was found of some weights.

    Attributes:
        name: Their name in the index, or their file.
        published: The published top-1 and top-5 accuracy in percent, each None where there is none.
        measured: What was measured, each None where it was not.
        images: Number of images; None where nothing was measured.
        reason: Why nothing was measured, in one line; empty where it was.
    """

    name: str
    published: tuple[float | None, float | None]
    measured: tuple[float | None, float | None] = (None, None)
    images: int | None = None
    reason: str = ''


def select(names: Sequence[str]) -> list[str]:
    """Return the weights that names mean, each once.

    Args:
        names: Files; 'zoo://' and a name of the index; or patterns as ``list_weights`` takes them.

    Returns:
        Files, and addresses of the index.

    Raises:
        CheckpointError: if nothing has a name.
    """
    found: list[str] = []
    for name in names:
        if Path(name).exists():
            found.append(name)
        elif is_address(name):
            found.append(get_weights(name).address)
        else:
            found += [SCHEME + match for match in list_weights(name)] or [get_weights(name).address]
    return list(dict.fromkeys(found))


def validate(
    source: str,
    data: str | Path | None = None,
    backend: str = 'torch',
    device: str | None = None,
) -> Result:
    """Measure the accuracy of weights.

    Args:
        source: A file, or an address of the index.
        data: A folder with a folder of images for every class, as ``label_images`` takes it. Default: None, the data
            set that comes with the package, where the weights are of one.
        backend: 'torch' or 'mindspore'.
        device: 'cpu', 'cuda' or None, which takes what the framework finds.
    """
    row = get_weights(source) if is_address(source) else None
    name = (row.alias or row.name) if row else source
    published = (row.top1, row.top5) if row else (None, None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            measured, images = _measure(source, row, data, backend, device, Path(folder))
    except ShuffleNetZooError as error:
        return Result(name, published, reason=one_line(error))
    return Result(name, published, measured, images)


def _measure(
    source: str,
    row: PublishedWeights | None,
    data: str | Path | None,
    backend: str,
    device: str | None,
    folder: Path,
) -> tuple[tuple[float | None, float | None], int]:
    if row:
        check_readable(row)
    # Before anything is downloaded in vain.
    dataset, annotations = _choose_data(row, data), folder / 'images.txt'
    weights = single_precision(read_any(source))
    config = config_of(weights, source, dataset)
    if data is None:
        images = len(digits.load_split(dataset['split'])[1])
    else:
        labelled = label_images(data, config.data_preprocessor.num_classes, weights.class_names)
        annotations.write_text(''.join(f'{path} {label}\n' for path, label in labelled), encoding='utf-8')
        config.test_dataloader.dataset.ann_file = str(annotations)
        images = len(labelled)
        config.test_dataloader.num_workers = min(images // _IMAGES_PER_WORKER, len(os.sched_getaffinity(0)))
    # Whatever the file and its layout are, both backends read this one.
    checkpoint = folder / 'weights.safetensors'
    write_weights(checkpoint, convert(weights, _LAYOUTS[backend]))
    options = TestOptions(work_dir=str(folder / 'work'), device=device)
    metrics = load_backend(backend).test(config, str(checkpoint), options)
    return (metrics.get('accuracy/top1'), metrics.get('accuracy/top5')), images


def _choose_data(row: PublishedWeights | None, data: str | Path | None) -> dict[str, Any]:
    if data is not None:
        return {'type': FOLDER, 'data_root': str(Path(data).absolute())}
    trained_on = row.dataset if row else ''
    if trained_on not in _SHIPPED_DATA:
        raise DataError(f'no images{f" of {trained_on}" if trained_on else ""} come with the package; give --data DIR')
    return dict(_SHIPPED_DATA[trained_on])


def format_results(results: Sequence[Result]) -> str:
    """Return a table; what could not be measured is below it, with the reasons."""
    rows = [
        (
            result.name,
            str(result.images),
            *(
                cell
                for found, told in zip(result.measured, result.published, strict=True)
                for cell in (_number(found), _number(told), _difference(found, told))
            ),
        )
        for result in results
        if not result.reason
    ]
    reasons = [f'{result.name}: {result.reason}' for result in results if result.reason]
    return '\n'.join([*([align([_COLUMNS, *rows])] if rows else []), *reasons])


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.2f}'


def _difference(found: float | None, told: float | None) -> str:
    return '' if found is None or told is None else f'{found - told:+.2f}'


def write_results(path: str | Path, results: Sequence[Result]) -> None:
    """Write a CSV file, replacing it at once.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with replacing(path) as draft, draft.open('w', encoding='utf-8', newline='') as stream:
            table = csv.writer(stream)
            table.writerow(_CSV_COLUMNS)
            for result in results:
                (top1, top5), (published_top1, published_top5) = result.measured, result.published
                table.writerow((result.name, result.images, top1, published_top1, top5, published_top5, result.reason))
    except OSError as error:
        raise DataError(f'{path} cannot be written: {error.strerror or error}') from error


def check_all_measured(results: Sequence[Result]) -> None:
    """Check that there is a figure for all weights.

    Raises:
        CheckpointError: if there is not.
    """
    if failed := sum(bool(result.reason) for result in results):
        raise CheckpointError(f'{failed} of {len(results)} weights could not be measured; the lines above say why')
