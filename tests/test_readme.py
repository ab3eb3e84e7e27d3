"""The README's table of networks is the code's."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_table_of_networks_is_what_the_tool_prints():
    command = [sys.executable, 'tools/model_info.py', '--list', '--markdown']
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert table in (ROOT / 'README.md').read_text()
