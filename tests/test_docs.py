"""What the README and the documents say is so: tables are the code's, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')))


def test_table_of_networks_is_what_the_tool_prints():
    command = [sys.executable, 'tools/model_info.py', '--list', '--markdown']
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert table in (ROOT / 'docs' / 'models.md').read_text()


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = re.findall(r'\]\(([^)#\s]+)[^)]*\)', document.read_text())
    assert all((document.parent / link).exists() for link in links if '://' not in link), links
