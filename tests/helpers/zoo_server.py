"""Published weights of random networks of the publishers' own code, on a server of the loopback."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from helpers.server import Server
from shufflenet_zoo.weights import index
from shufflenet_zoo.weights.index import PublishedWeights, get_weights


def publish(
    monkeypatch: Any, server: Server, name: str, write: Callable[[Path], None], folder: Path
) -> PublishedWeights:
    """Put a file that ``write`` makes in the place of published weights, until the test ends."""
    row = get_weights(name)
    path = folder / row.url.rpartition('/')[2].removesuffix('.zip')
    write(path)
    body = path.read_bytes()
    server.files[f'/{path.name}'] = body
    mine = replace(row, url=f'{server.url}/{path.name}', hash=f'sha256:{hashlib.sha256(body).hexdigest()}', archive='')
    rows = tuple(mine if other is row else other for other in index.published_weights())
    for module in ('shufflenet_zoo.weights.index', 'shufflenet_zoo.weights.models'):
        monkeypatch.setattr(f'{module}.published_weights', lambda: rows)
    return mine


def images(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
