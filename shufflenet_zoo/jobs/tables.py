"""Tables for the terminal."""

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells, the first of them the heading, as a table of Markdown."""
    heading, *others = (f'| {" | ".join(row)} |' for row in rows)
    return '\n'.join([heading, f'|{"---|" * len(rows[0])}', *others])
