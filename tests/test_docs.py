"""What the README and the documents say is so: snippets run, tables are the code's, links lead somewhere."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.notebook import run_notebook

from shufflenet_zoo.jobs.shipped import find_config

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')))
# What the comment before a snippet says; the text between the fences.
SNIPPET = re.compile(r'<!-- test: (\w+) -->\n```python\n(.*?)```', re.DOTALL)
SNIPPETS = dict(SNIPPET.findall((ROOT / 'README.md').read_text()))
# A fenced text with its language, and the comment before it that says what it needs which a test does not have.
FENCE = re.compile(r'(?:<!-- (needs|test): ([^>]+) -->\n)?^```(\w+)\n(.*?)^```', re.DOTALL | re.MULTILINE)
# Programs of others, which no test calls.
OTHERS = ('export', 'pip', 'pip-audit', 'python -m pytest', 'python -m http.server')
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


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_are_named_are_there_and_run_when_it_says(document):
    for folder, name, star in re.findall(r'`(tests/(?:\w+/)*)?(test_\w+\.py)`( ?\*)?', document.read_text()):
        found = [ROOT / folder / name] if folder else list((ROOT / 'tests').rglob(name))
        assert found and all(path.is_file() for path in found), name
        assert not star or any(map(has_everyday_tests, found)), f'{name} has only tests of make test-faults'


def has_everyday_tests(path: Path) -> bool:
    tests = [node for node in ast.parse(path.read_text()).body if getattr(node, 'name', '').startswith('test_')]
    return any('pytest.mark.faults' not in map(ast.unparse, test.decorator_list) for test in tests)


def fences(document: Path, language: str) -> list[tuple[str | None, str]]:
    """Return what the comment before every fence of a language says, 'needs', 'test' or None, and the fence's text."""
    found = FENCE.findall(document.read_text())
    return [(word or None, text) for word, _, name, text in found if name == language]


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_snippets_run_or_say_what_they_need(document, digits, monkeypatch):
    monkeypatch.chdir(digits)
    for number, (word, text) in enumerate(fences(document, 'python'), 1):
        code = compile(text, f'{document.name}, snippet {number}', 'exec')
        if word is None:
            exec(code, {})


def command_lines(document: Path) -> Iterator[list[str]]:
    """Yield the words of every command in a document, without variables before it."""
    for _, text in fences(document, 'sh'):
        for line in text.replace('\\\n', ' ').splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
                del words[0]
            if words:
                yield words


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_those_that_there_are(document, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for words in command_lines(document):
        if words[0] == 'make':
            assert set(words[1:]) <= make_targets(), words
        elif not ' '.join(words).startswith(OTHERS):
            check_arguments(words, monkeypatch, capsys)


def check_arguments(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Check a command line of ours, perhaps behind a launcher, by the parser of its command."""
    (start,) = [place for place, word in enumerate(words) if re.fullmatch(r'tools/\w+\.py|shufflenet-zoo', word)]
    tool, arguments = words[start], words[start + 1 :]
    if tool == 'shufflenet-zoo':
        name, *arguments = arguments
    else:
        (name,) = re.findall(r'from shufflenet_zoo\.commands\.(\w+) import main', (ROOT / tool).read_text())
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    try:
        args = importlib.import_module(f'shufflenet_zoo.commands.{name}').parse_args()
    except SystemExit:
        pytest.fail(f'{words}: {capsys.readouterr().err}')
    config = getattr(args, 'config', None)
    if isinstance(config, str) and not config.isupper():
        find_config(config)


def make_targets() -> set[str]:
    """Return what make can be asked for."""
    (names,) = re.findall(r'^\.PHONY: (.*)$', (ROOT / 'Makefile').read_text().replace('\\\n', ''), re.MULTILINE)
    return set(names.split())


def test_make_help_tells_every_target():
    done = subprocess.run(['make', 'help'], cwd=ROOT, capture_output=True, text=True, check=True)
    told = re.findall(r'(?:^|, )make ([a-z0-9-]+)', done.stdout, re.MULTILINE)
    assert sorted(told) == sorted(make_targets() - {'help'})


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_nothing_of_others(tmp_path):
    pytest.importorskip('material')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--quiet', '--site-dir', str(tmp_path)]
    environment = os.environ | {'NO_MKDOCS_2_WARNING': '1'}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for document in DOCUMENTS:
        assert (tmp_path / document.name.lower().replace('readme', 'index')).with_suffix('.html').is_file()
    loaded = r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)|<link(?![^>]*canonical)[^>]+href="(https?:[^"]+)'
    for page in tmp_path.glob('*.html'):
        assert not re.findall(loaded, page.read_text()), page.name
    assert 'shufflenet_zoo.mindspore_impl.create_model' in (tmp_path / 'api.html').read_text()


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, names = run_notebook(ROOT / 'docs' / 'tutorial.ipynb')
    assert names['accuracy'] > 50
    assert abs(names['other']['accuracy/top1'] - names['accuracy']) < 0.3
