"""The table of differences that the tests measure, and MindSpore that leaves pytest's processes the cores."""

import os
from pathlib import Path

import mindspore as ms
import pytest

# Otherwise its threads wait for each other's operators by spinning.
ms.runtime.launch_blocking()

# Where the table of differences goes, as in docs/weights.md.
TABLE_VARIABLE = 'SHUFFLENET_ZOO_WEIGHT_TABLE'
TABLE_START, TABLE_END = '<!-- differences -->', '<!-- end of differences -->'


@pytest.fixture(scope='session')
def record():
    """Keep the largest differences, and writes them as a table into the file that TABLE_VARIABLE names."""
    largest = {}

    def add(layout, variant, difference):
        largest[layout, variant] = max(largest.get((layout, variant), 0), difference)

    yield add
    if os.environ.get(TABLE_VARIABLE):
        _write_table(Path(os.environ[TABLE_VARIABLE]), largest)


def _write_table(path, largest):
    """Replace what stands between the marks."""
    rows = ['| Layout | Variant | Largest relative difference |', '|---|---|---|']
    rows += [f'| {layout} | {variant} | {difference:.1e} |' for (layout, variant), difference in largest.items()]
    before, start, rest = path.read_text().partition(TABLE_START)
    _, end, after = rest.partition(TABLE_END)
    assert start and end, f'{path} has no place for the table'
    path.write_text(f'{before}{start}\n' + '\n'.join(rows) + f'\n{end}{after}')
