"""The plots of the report, as SVG texts."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from shufflenet_zoo.equivalence.measurement import Curve, Measurement

# Logarithmic axes have no zero; equal to the last bit is drawn here.
_LEAST = 1e-9
_SIZE = (9.0, 2.8)
_COLOURS = {'difference': '#0b62a4', 'floor': '#8a8a8a', 'bound': '#b3261e'}


def _figure():
    # The object-oriented interface needs no display and touches no global state of the caller's.
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout='constrained')
    return figure, figure.subplots()


def _as_svg(figure, title: str) -> str:
    """Return the figure as an SVG element with a title, which screen readers read."""
    from matplotlib import rc_context

    # Text stays text, so that it can be searched and copied; a salt makes equal figures equal files.
    with rc_context({'svg.fonttype': 'none', 'svg.hashsalt': title}):
        stream = io.StringIO()
        figure.savefig(stream, format='svg', metadata={'Date': None})
    text = stream.getvalue()
    return text[text.index('<svg') :].replace('<svg', f'<svg role="img" aria-label="{escape(title)}"', 1)


def _drawable(values: Iterable[float]) -> list[float]:
    return [max(value, _LEAST) if math.isfinite(value) else math.nan for value in values]


def plot_differences(measurements: Sequence[Measurement], title: str) -> str:
    """Draw the difference of every layer beside noise floor and bound, on a logarithmic axis."""
    figure, axes = _figure()
    positions = range(len(measurements))
    series = {'difference': [one.difference for one in measurements], 'bound': [one.bound for one in measurements]}
    if all(one.floor is not None for one in measurements):
        series['floor'] = [one.floor for one in measurements]
    names = {
        'difference': 'MindSpore float32 from PyTorch float64',
        'bound': 'bound',
        'floor': 'PyTorch float32 from PyTorch float64',
    }
    for key, values in series.items():
        axes.plot(
            positions,
            _drawable(values),
            label=names[key],
            color=_COLOURS[key],
            marker='' if key == 'bound' else '.',
            linestyle='--' if key == 'bound' else '-',
            linewidth=1,
        )
    axes.set_yscale('log')
    axes.set_ylabel('relative difference')
    if len(measurements) <= 40:
        axes.set_xticks(list(positions), [one.item for one in measurements], rotation=90, fontsize=7)
    else:
        axes.set_xlabel('layer, first to last')
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return _as_svg(figure, title)


def plot_curves(curves: Sequence[Curve], title: str) -> str:
    """Draw the loss curves of one training in both frameworks."""
    figure, axes = _figure()
    for curve, style in zip(curves, ('-', '--'), strict=False):
        axes.plot(range(1, len(curve.values) + 1), curve.values, style, label=curve.name, linewidth=1)
    axes.set_xlabel('iteration')
    axes.set_ylabel('loss')
    axes.legend()
    axes.grid(alpha=0.3)
    return _as_svg(figure, title)


def plot_steps(groups: Mapping[str, Sequence[Measurement]], title: str) -> str:
    """Draw how far weights are apart after every step of every optimizer, with their bounds."""
    figure, axes = _figure()
    for (case, steps), colour in zip(groups.items(), ('#0b62a4', '#3d7a1f', '#8a5a00'), strict=False):
        numbers = range(1, len(steps) + 1)
        axes.plot(numbers, _drawable(one.difference for one in steps), color=colour, marker='.', label=case)
        axes.plot(numbers, _drawable(one.bound for one in steps), color=colour, linestyle='--', label=f'{case}: bound')
    axes.set_yscale('log')
    axes.set_xticks(list(range(1, 1 + max(map(len, groups.values())))))
    axes.set_xlabel('step')
    axes.set_ylabel('relative difference')
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return _as_svg(figure, title)
