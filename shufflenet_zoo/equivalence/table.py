"""The table on the terminal."""

from collections.abc import Iterable

from shufflenet_zoo.equivalence.measurement import Measurement, Outcome

_COLUMNS = '{:<28} {:<13} {:>10} {:>9} {:>6}  {:<9} {}'
HEADER = _COLUMNS.format('network', 'check', 'difference', 'bound', 'count', 'verdict', 'largest at')


def worst_by_check(measurements: Iterable[Measurement]) -> dict[tuple[str, str], list[Measurement]]:
    """Group differences by network and check, the worst of every group first."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for found in measurements:
        groups.setdefault((found.network, found.check), []).append(found)
    return {key: sorted(group, key=lambda found: (found.passed, -found.part_of_bound)) for key, group in groups.items()}


def rows(outcome: Outcome) -> list[str]:
    """Return a line for every check of an outcome: its worst difference."""
    lines = []
    for (network, check), group in worst_by_check(outcome.measurements).items():
        worst = group[0]
        lines.append(
            _COLUMNS.format(
                network,
                check,
                f'{worst.difference:.1e}',
                f'{worst.bound:.0e}',
                len(group),
                'ok' if worst.passed else 'EXCEEDED',
                f'{worst.item}, {worst.case}',
            )
        )
    return lines
