"""What the README and the documents say is so: snippets run, tables are the code's, links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')))
# What the comment before a snippet says; the text between the fences.
SNIPPET = re.compile(r'<!-- test: (\w+) -->\n```python\n(.*?)```', re.DOTALL)
SNIPPETS = dict(SNIPPET.findall((ROOT / 'README.md').read_text()))
PRINTED = {'mmpretrain': r"'shufflenet_v2_digits'(.|\n)*7$", 'mmdet': '', 'mindspore': r'\(1, 10\)$'}


def test_table_of_networks_is_what_the_tool_prints():
    command = [sys.executable, 'tools/model_info.py', '--list', '--markdown']
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert table in (ROOT / 'docs' / 'models.md').read_text()


@pytest.fixture(scope='module')
def digits(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('readme')
    command = [sys.executable, '-m', 'shufflenet_zoo', 'digits', 'digits']
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith('1,797 images of 10 classes')
    return folder


@pytest.mark.parametrize('name', PRINTED)
def test_snippets_of_the_readme_run_and_are_short(name, digits):
    lines = [line for line in SNIPPETS[name].splitlines() if line]
    assert len(lines) <= 5
    done = subprocess.run([sys.executable, '-c', SNIPPETS[name]], cwd=digits, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTED[name], done.stdout.strip()), done.stdout


def test_the_picture_of_the_readme_is_drawn_by_its_command(digits):
    (command,) = re.findall(r'^shufflenet-zoo (predict .*)$', (ROOT / 'README.md').read_text(), re.MULTILINE)
    environment = os.environ | {'MPLBACKEND': 'agg'}
    shell = f'{sys.executable} -m shufflenet_zoo {command}'
    done = subprocess.run(shell, shell=True, cwd=digits, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (digits / 'predictions.png').read_bytes()[:4] == b'\x89PNG'


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = re.findall(r'\]\(([^)#\s]+)[^)]*\)', document.read_text())
    assert all((document.parent / link).exists() for link in links if '://' not in link), links
