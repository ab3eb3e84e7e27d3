"""The report for people: one HTML file that needs nothing but itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from shufflenet_zoo.equivalence.measurement import Measurement
from shufflenet_zoo.equivalence.plots import plot_curves, plot_differences, plot_steps
from shufflenet_zoo.equivalence.table import worst_by_check
from shufflenet_zoo.equivalence.verification import Verification

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a1a1a;
       background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { border-bottom: 1px solid #d5d5d5; padding: .2rem .7rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; }
.failed { background: #fbe3e1; font-weight: 600; }
.verdict { font-size: 1.3rem; padding: .6rem 1rem; border-left: .4rem solid #2e7d32; background: #eef6ee; }
.verdict.different { border-color: #b3261e; background: #fbe3e1; }
.scroll { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #d5d5d5; }
"""
_CHECKS = {
    'weights': 'conversion of the weights: everything has its place, and a round trip changes no bit',
    'forward': 'features of every stage and logits in evaluation mode',
    'units': 'features of every unit in evaluation mode',
    'training': 'loss and features in training mode',
    'statistics': "BatchNorm's running statistics after the iteration",
    'gradients': 'gradients of every parameter and of the images',
    'smooth': 'the same gradients with SiLU in the place of ReLU',
    'optimizers': 'losses and weights over several steps of every optimizer, with SiLU in the place of ReLU',
    'digits': 'a whole training on the digits',
    'precision': 'mixed precision, Euclidean norm',
    'exports': 'exported files against the live networks',
    'preprocessing': 'pixels after the preprocessing, in levels of 255',
}
# Rows of a table before the rest is left to the JSON file.
_MOST_ROWS = 40


def render(found: Verification, data: Mapping[str, Any]) -> str:
    """Return the report as HTML.

    Args:
        found: What the checks found.
        data: The same as plain data, as ``records.as_data`` makes it.
    """
    networks: dict[str, list[Measurement]] = {}
    for one in found.measurements:
        networks.setdefault(one.network, []).append(one)
    curves = {name: outcome.curves for name, outcome in found.outcomes if outcome.curves}
    parts = [*_head(found, data), *_summary(found)]
    for name, measurements in networks.items():
        parts += _section(name, measurements, curves.get(name, ()))
    return '\n'.join([*parts, '</main></body></html>', ''])


def _head(found: Verification, data: Mapping[str, Any]) -> Iterator[str]:
    exceeded = len(found.exceeded)
    verdict = (
        f'Different: {exceeded} of {len(found.measurements)} differences exceed their bounds'
        if exceeded
        else f'Equivalent: all {len(found.measurements)} differences are within their bounds'
    )
    yield (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>ShuffleNet in PyTorch and MindSpore</title><style>{_STYLE}</style></head><body><main>'
    )
    yield '<h1>ShuffleNet in PyTorch and MindSpore</h1>'
    yield f'<p class="verdict{" different" if exceeded else ""}">{escape(verdict)}</p>'
    if found.mutation:
        yield f'<p>An error was made on purpose: <code>{escape(found.mutation)}</code>.</p>'
    versions = ', '.join(f'{name} {number}' for name, number in data['environment'].items())
    yield (
        f'<p>{escape(versions)}; {found.seconds:.0f} seconds. Differences are measured from PyTorch in double '
        'precision and relative to the largest value of the tensor. The noise floor is what PyTorch itself loses in '
        'single precision.</p>'
    )
    if found.notes:
        yield '<h2>Not compared on this machine</h2><ul>'
        yield from (f'<li>{escape(note)}</li>' for note in found.notes)
        yield '</ul>'


def _summary(found: Verification) -> Iterator[str]:
    yield '<h2>All checks</h2>'
    lines = [
        (f'<a href="#{escape(network)}">{escape(network)}</a>', escape(_CHECKS.get(check, check)), group)
        for (network, check), group in worst_by_check(found.measurements).items()
    ]
    yield from _table(
        'Largest difference of every check',
        ('network', 'check', '=compared', '=difference', '=bound', 'largest at', 'verdict'),
        (
            (
                (
                    network,
                    check,
                    str(len(group)),
                    _number(group[0].difference),
                    _number(group[0].bound),
                    escape(f'{group[0].item}, {group[0].case}'),
                    _verdict(group[0]),
                ),
                group[0].passed,
            )
            for network, check, group in lines
        ),
    )


def _section(name: str, measurements: Sequence[Measurement], curves: Sequence) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
    checks: dict[str, list[Measurement]] = {}
    for one in measurements:
        checks.setdefault(one.check, []).append(one)
    if 'forward' in checks:
        yield from _by_stage(checks['forward'])
    for check in ('units', 'gradients', 'smooth'):
        if check in checks:
            yield f'<h3>Differences by layer: {_CHECKS[check]}</h3>'
            first = checks[check][0].case
            shown = [one for one in checks[check] if one.case == first]
            yield plot_differences(shown, f'{name}: {_CHECKS[check]}, {first}')
    if 'optimizers' in checks:
        steps: dict[str, list[Measurement]] = {}
        for one in checks['optimizers']:
            if one.item.startswith('weights'):
                steps.setdefault(one.case, []).append(one)
        yield f'<h3>Differences by step: {_CHECKS["optimizers"]}</h3>'
        yield plot_steps(steps, f'{name}: weights after every step')
    if curves:
        yield f'<h3>Loss curves: {_CHECKS["digits"]}</h3>'
        yield plot_curves(curves, f'{name}: loss curves of PyTorch and MindSpore')
    for check, group in checks.items():
        if check not in ('forward', 'units'):
            yield from _listing(check, group)


def _by_stage(measurements: Sequence[Measurement]) -> Iterator[str]:
    """One row for every stage, one column for every input."""
    cases = list(dict.fromkeys(one.case for one in measurements))
    stages: dict[str, dict[str, Measurement]] = {}
    for one in measurements:
        stages.setdefault(one.item, {})[one.case] = one
    yield from _table(
        f'By stage: {_CHECKS["forward"]}; bound {_number(measurements[0].bound)}',
        ('stage', *(f'={case}' for case in cases)),
        (
            (
                (escape(stage), *(_number(found[case].difference) for case in cases)),
                all(one.passed for one in found.values()),
            )
            for stage, found in stages.items()
        ),
    )


def _listing(check: str, group: Sequence[Measurement]) -> Iterator[str]:
    worst = sorted(group, key=lambda one: (one.passed, -one.part_of_bound))
    left = max(0, len(group) - _MOST_ROWS)
    caption = f'{check}: {_CHECKS.get(check, check)}' + (f' (the {_MOST_ROWS} largest of {len(group)})' if left else '')
    yield from _table(
        caption,
        ('compared', 'case', '=difference', '=bound', '=noise floor', 'verdict'),
        (
            (
                (
                    escape(one.item),
                    escape(one.case),
                    _number(one.difference),
                    _number(one.bound),
                    '' if one.floor is None else _number(one.floor),
                    _verdict(one),
                ),
                one.passed,
            )
            for one in worst[:_MOST_ROWS]
        ),
    )


def _table(caption: str, columns: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]) -> Iterator[str]:
    """A table; columns whose names begin with = hold numbers, and cells are HTML already."""
    classes = [' class="number"' if column.startswith('=') else '' for column in columns]
    yield f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>'
    yield ''.join(
        f'<th scope="col"{kind}>{escape(column.removeprefix("="))}</th>'
        for column, kind in zip(columns, classes, strict=True)
    )
    yield '</tr></thead><tbody>'
    for cells, passed in rows:
        mark = '' if passed else ' class="failed"'
        fields = (f'<td{kind}>{cell}</td>' for cell, kind in zip(cells, classes, strict=True))
        yield f'<tr{mark}>{"".join(fields)}</tr>'
    yield '</tbody></table></div>'


def _number(value: float) -> str:
    return '0' if value == 0 else f'{value:.1e}'


def _verdict(one: Measurement) -> str:
    return 'within its bound' if one.passed else 'exceeds its bound'
