"""What a benchmark found, as text and as a plot."""

from collections.abc import Sequence
from pathlib import Path

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.benchmark import roofline
from shufflenet_zoo.benchmark.cases import Case, Ratio
from shufflenet_zoo.benchmark.measure import Results
from shufflenet_zoo.benchmark.networks import OURS
from shufflenet_zoo.errors import BenchmarkError
from shufflenet_zoo.jobs import tables

_BEGIN, _END = '<!-- tables -->', '<!-- end of tables -->'


def markdown(results: Results, cases: Sequence[Case], ratios: Sequence[Ratio]) -> str:
    """Return the tables of ratios, times and starts."""
    machine = results.machine
    packages = ', '.join(f'{name} {version}' for name, version in machine['packages'].items())
    parts = [
        f'{machine["processor"]}, {machine["cores"]} cores, {machine["threads"]} threads, float32, 224x224; {packages}.'
    ]
    if ratios:
        parts.append(
            _table(
                ('times as fast', 'batch', 'ratio'),
                [(ratio.title, ratio.subject.batch, f'{results.ratio(ratio):.2f}') for ratio in ratios],
            )
        )
    if cases:
        parts.append(
            _table(
                ('network', 'engine', 'batch', 'median ms', 'spread'),
                [
                    (
                        case.network + ('' if case.form == 'plain' else f' ({case.form})'),
                        case.engine,
                        case.batch,
                        f'{results.median(case):.2f}',
                        f'±{results.spread(case):.0f} %',
                    )
                    for case in sorted(cases, key=lambda case: (case.process, case.batch, results.median(case)))
                ],
            )
        )
    if results.peaks:
        parts.append(_roofline(results, cases))
    if results.starts:
        parts.append(
            _table(
                (
                    'network, engine',
                    'first result after s',
                    'peak MiB of the process',
                    'peak MiB of the tensors of a run',
                ),
                [
                    (name, f'{found["seconds"]:.1f}', f'{found["peak_mib"]:.0f}', _number(found.get('tensors_mib')))
                    for name, found in results.starts.items()
                ],
            )
        )
    return '\n\n'.join(parts)


def _roofline(results: Results, cases: Sequence[Case]) -> str:
    """Return the table of what one image costs at least, beside the fastest that was measured."""
    rows = []
    for network in OURS:
        measured = [case for case in cases if (case.network, case.batch, case.engine) == (network, 1, 'openvino')]
        least = roofline.bound(network, results.peaks)
        fastest = min(map(results.median, measured), default=None)
        rows.append(
            (
                network,
                f'{least.arithmetic:.2f}',
                f'{least.memory:.2f}',
                '' if fastest is None else f'{fastest:.2f}',
                '' if fastest is None else f'{fastest / max(least.arithmetic, least.memory):.1f}',
            )
        )
    peaks = results.peaks
    return (
        f'Measured peaks: {peaks["multiply_adds"] / 1e9:.0f} G multiply-adds and {peaks["bytes"] / 1e9:.1f} GB per '
        f'second. At these, one image costs at least:\n\n'
        + _table(('network', 'arithmetic ms', 'memory traffic ms', 'OpenVINO ms', 'times the larger'), rows)
    )


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.0f}'


def _table(head: tuple, rows: Sequence[tuple]) -> str:
    return tables.markdown([tuple(map(str, row)) for row in (head, *rows)])


def check_document(path: Path) -> None:
    """Check, before anything is measured, that tables can go into a Markdown file.

    Raises:
        BenchmarkError: if it is not there, or has no markers.
    """
    _around_tables(path)


def write_tables(path: Path, text: str) -> None:
    """Replace the tables between the markers of a Markdown file.

    Raises:
        BenchmarkError: as ``check_document``.
    """
    before, after = _around_tables(path)
    with replacing(path) as draft:
        draft.write_text(f'{before}{_BEGIN}\n\n{text}\n\n{_END}{after}', encoding='utf-8')


def _around_tables(path: Path) -> tuple[str, str]:
    try:
        document = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise BenchmarkError(f'--write-into: {path} cannot be read: {error}') from None
    before, opening, rest = document.partition(_BEGIN)
    _, closing, after = rest.partition(_END)
    if not opening or not closing:
        raise BenchmarkError(f'--write-into: {path} has no lines {_BEGIN} and {_END}, between which tables go')
    return before, after


def plot(results: Results, cases: Sequence[Case], path: Path) -> None:
    """Draw the time of one image by network and engine, a panel for every batch size."""
    from matplotlib.figure import Figure

    batches = sorted({case.batch for case in cases})
    rows = max(sum(case.batch == batch for case in cases) for batch in batches)
    figure = Figure(figsize=(7 * len(batches), 1.5 + 0.24 * rows), layout='constrained')
    engines = sorted({case.engine for case in cases})
    panels = figure.subplots(1, len(batches), sharex=True, squeeze=False)[0]
    for axes, batch in zip(panels, batches, strict=True):
        shown = sorted((case for case in cases if case.batch == batch), key=results.median, reverse=True)
        bars = axes.barh(
            [f'{case.network} {case.form if case.form != "plain" else ""} {case.engine}' for case in shown],
            [results.median(case) / batch for case in shown],
            color=[f'C{engines.index(case.engine) % 10}' for case in shown],
        )
        axes.bar_label(bars, fmt='{:.3g}', padding=2, fontsize='small')
        axes.set_xlabel('ms per image')
        axes.set_title(f'batch {batch}')
        axes.set_ymargin(0.01)
    # All panels share it: a bar of the same length is the same time.
    panels[0].set_xscale('log')
    per_image = [results.median(case) / case.batch for case in cases]
    panels[0].set_xlim(0.5 * min(per_image), 2 * max(per_image))
    panels[0].xaxis.set_major_formatter('{x:g}')
    figure.savefig(path, format='svg')
