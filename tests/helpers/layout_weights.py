"""Weights that carry signal, in every layout."""

from helpers.signal import signal_state
from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.weights import Weights
from shufflenet_zoo.weights.layouts import HEAD, LAST_CONV, LAYOUTS, entries


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
    return Weights(layout, architecture.replaced(layout.options), signal_state(shapes, **kwargs))
