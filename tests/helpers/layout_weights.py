"""Weights that carry signal, in every layout."""

import numpy as np
from torch import nn

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.weights import Weights
from shufflenet_zoo.weights.layouts import HEAD, LAST_CONV, LAYOUTS, entries


def signal_weights(shapes, dtype=np.float32, seed=0):
    """Random weights under which every stage's features keep their size: plain ones hide errors of pooling.

    He-scaled convolutions, scales and variances around one, random shifts and means.
    """
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        if name.endswith('num_batches_tracked'):
            tensors[name] = np.zeros((), np.int64)
        elif len(shape) > 1:
            tensors[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(dtype)
        elif 'var' in name:
            tensors[name] = rng.uniform(0.5, 2, shape).astype(dtype)
        elif name.endswith(('gamma', '.weight')):
            tensors[name] = rng.uniform(0.5, 1.5, shape).astype(dtype)
        else:
            tensors[name] = rng.normal(0, 0.2, shape).astype(dtype)
    return tensors


def make_weights(layout_name, backbone, classes=7, parts=('backbone', LAST_CONV, HEAD), **kwargs):
    """Signal-carrying weights in a layout, made from its declaration."""
    architecture = Architecture.of(backbone)
    layout = next(
        layout
        for layout in LAYOUTS
        if (layout.name, layout.family) == (layout_name, architecture.family)
        and not architecture.difference(layout.options)
    )
    listed = entries(layout, architecture.plan, classes)
    shapes = {
        key: entry.key_shape
        for entry in listed
        for key in entry.keys
        if entry.part in parts and 'act' not in key.split('.')[-2]
    }
    return Weights(layout, architecture.replaced(layout.options), signal_weights(shapes, **kwargs))


def state_of(model, **kwargs):
    """A signal-carrying state for a torch or MindSpore network."""
    named = model.state_dict().items() if isinstance(model, nn.Module) else model.parameters_and_names()
    return signal_weights({name: tuple(value.shape) for name, value in named}, **kwargs)
