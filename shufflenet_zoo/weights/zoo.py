"""Weights by name or by file, ready for a framework: downloaded, recognised, converted, described."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.convert import Weights, convert
from shufflenet_zoo.weights.description import check_wiring
from shufflenet_zoo.weights.download import fetch
from shufflenet_zoo.weights.files import read_content, read_weights, recognise
from shufflenet_zoo.weights.index import SCHEME, PublishedWeights, get_weights
from shufflenet_zoo.weights.layouts import HEAD, OWN_LAYOUTS
from shufflenet_zoo.weights.recognise import PARTS, identify
from shufflenet_zoo.weights.subtree import layout_in

# Types of half precision, by numpy's names.
_HALVES = ('float16', 'bfloat16')

logger = logging.getLogger('shufflenet_zoo')


def is_address(source: str | Path) -> bool:
    """Whether a checkpoint is named by an address of the index rather than by a file."""
    return str(source).startswith(SCHEME)


def read_any(
    source: str | Path,
    layout: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    trust: bool = False,
    prefix: str | None = None,
    part: str | None = None,
) -> Weights:
    """Read weights in whatever layout they have.

    Args:
        source: A weight file, or 'zoo://' and a name of the index.
        layout: Name of the layout. Default: None, what the index or the file says, else what the names show.
        backbone: Backbone arguments that are known.
        trust: Whether a published file without a hash will do.
        prefix: What the names of a file's network begin with, where there are several.
        part: 'backbone' to leave out a file's classifier and all else.

    Raises:
        CheckpointError: if it cannot be had or read, or does not hold one ShuffleNet.
    """
    if not is_address(source):
        return read_weights(source, layout, backbone, prefix, part)
    return read_published(get_weights(str(source)), trust)


def read_published(row: PublishedWeights, trust: bool = False) -> Weights:
    """Read published weights, in their publisher's layout, with what the index knows about them.

    Raises:
        CheckpointError: if they cannot be had or read, or are not those of the network in the index.
    """
    path = fetch(row, trust)
    if row.file:
        return single_precision(read_weights(path))
    content = read_content(path)
    part = row.part if row.part in PARTS else None
    try:
        known = {'type': row.architecture.family, **row.architecture}
        found = identify(content.tensors, row.layout or None, known, row.prefix or None, part)
    except CheckpointError as error:
        raise CheckpointError(f'{row.name} ({path}): {error}') from error
    act_cfg = row.backbone.get('act_cfg')
    found = single_precision(found)
    return replace(found, class_names=row.class_names, preprocessing=row.preprocessing, act_cfg=act_cfg)


def read_for(path: str | Path, architecture: Architecture, part: str | None = None) -> Weights:
    """Read a weight file that is meant for a network; what neither file nor layout says is taken from the network.

    Args:
        path: The file.
        architecture: The network.
        part: As in ``read_any``.

    Raises:
        CheckpointError: as ``read_weights`` does.
    """
    return _recognised_for(read_content(path), path, architecture, part)


def _recognised_for(content: Content, path: str | Path, architecture: Architecture, part: str | None) -> Weights:
    backbone = None
    if content.description is None and layout_in(content.tensors) in OWN_LAYOUTS:
        check_wiring(architecture, None, path)  # says that it is unknown
        backbone = {'type': architecture.family, **architecture}
    weights = recognise(content, path, backbone=backbone, part=part)
    if weights.left_out:
        logger.warning('%s: %s', path, weights.notes[-1])
    return weights


def content_in(
    content: Content, path: str | Path, layout: str, architecture: Architecture, classifier: bool = True
) -> Content:
    """Convert what was read of a file into the names that a network has.

    Args:
        content: The tensors and what the file says about them.
        path: Named in messages.
        layout: The layout of the network's names, 'openmmlab' or 'mindspore'.
        architecture: The network; what neither file nor layout says is taken from it.
        classifier: Whether it is a classifier rather than a backbone alone.

    Raises:
        CheckpointError: if it holds another network or several, or cannot be converted.
    """
    weights = _recognised_for(content, path, architecture, None if classifier else 'backbone')
    converted = as_content(convert(single_precision(weights), layout), classifier)
    # The network's own arguments are no statement of the file.
    unknown = content.description is None and weights.layout.is_ours
    return Content(converted.tensors) if unknown else converted


def single_precision(weights: Weights) -> Weights:
    """Return weights as networks are built; files in half precision are smaller, networks in it are not meant."""
    tensors = {
        name: array.astype(np.float32) if array.dtype.name in _HALVES else array
        for name, array in weights.tensors.items()
    }
    return replace(weights, tensors=tensors)


def half_precision(weights: Weights) -> Weights:
    """Return weights rounded to half precision; counters stay what they are.

    Raises:
        CheckpointError: if one is beyond its range.
    """
    tensors = {}
    for name, array in weights.tensors.items():
        with np.errstate(over='ignore'):  # it is told below
            tensors[name] = array.astype(np.float16) if array.dtype == np.float32 else array
        if not np.isfinite(tensors[name]).all():
            raise CheckpointError(f'tensor {name} has values beyond the range of half precision; leave it in single')
    return replace(weights, tensors=tensors)


def content_for(source: str | Path, layout: str, trust: bool = False) -> Content:
    """Read weights and convert them into one of our layouts, with the names that a classifier has for them.

    Args:
        source: As in ``read_any``.
        layout: 'openmmlab' or 'mindspore'.
        trust: As in ``read_any``.

    Raises:
        CheckpointError: if they cannot be had, read or converted.
    """
    return as_content(convert(single_precision(read_any(source, trust=trust)), layout))


def as_content(weights: Weights, classifier: bool = True) -> Content:
    """Return weights under the names that a classifier, or a backbone alone, has for them.

    Args:
        weights: Weights in one of our layouts.
        classifier: Whether they are for a classifier; else the head is left out and the names have no prefix.
    """
    tensors = {
        (weights.prefix(key) + key if classifier else key): array
        for key, array in weights.tensors.items()
        if classifier or not key.startswith(f'{HEAD}.')
    }
    return Content(tensors, weights.description)
