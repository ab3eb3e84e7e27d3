"""All checks on a few networks, and the report on them."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from helpers.networks import slow_but

from shufflenet_zoo.equivalence import CHECK_NAMES, FAST_VARIANTS, named_subjects, verification, verify
from shufflenet_zoo.equivalence.records import REPORT_NAME, Destinations
from shufflenet_zoo.equivalence.verification import Verification
from shufflenet_zoo.errors import VerificationError

# What a check measures beside what it is named after.
PARTS = {'units', 'statistics', 'gradients'}
# Elements of HTML that have no end tag.
VOID = {'meta', 'br', 'img', 'link', 'hr'}
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


@dataclass(frozen=True)
class Scope:
    """Networks, those that are trained on the digits, and those that are exported."""

    networks: tuple[str, ...]
    trained: tuple[str, ...]
    exported: tuple[str, ...]

    def of(self, check: str) -> tuple[str, ...]:
        return {'digits': self.trained, 'exports': self.exported}.get(check, self.networks)


NARROW = ('shufflenet_v1_g3_0.25x',)
SCOPES = {
    # The training on the digits takes as long as all other checks together.
    'narrow': Scope(NARROW, (), NARROW),
    'fast-subset': Scope(FAST_VARIANTS, FAST_VARIANTS[:1], FAST_VARIANTS),
}


# One test a scope: as a fixture of several, pytest's processes would each measure everything again.
@pytest.mark.parametrize('scope', slow_but(SCOPES, ['narrow']))
def test_verification_and_its_report(scope, tmp_path, subtests):
    scope = SCOPES[scope]
    found = measure(scope)
    Destinations(str(tmp_path), str(tmp_path / 'numbers.json')).write(found)
    with subtests.test('all differences are within their bounds'):
        assert not found.exceeded
    for check in sorted({*CHECK_NAMES, *PARTS}):
        with subtests.test('measured every network', check=check):
            networks = {one.network for one in found.measurements if one.check == check}
            assert networks == ({'preprocessing'} if check == 'preprocessing' else set(scope.of(check)))
    with subtests.test('every parameter and the images have a compared gradient'):
        check_gradients(scope, found)
    with subtests.test('both trainings learn the digits'):
        check_curves(found)
    with subtests.test('the JSON file allows the verdict to be checked'):
        check_numbers(json.loads((tmp_path / 'numbers.json').read_text()), found)
    with subtests.test('the report is one well-formed file with all content'):
        check_report(tmp_path / REPORT_NAME, scope, found)
    with subtests.test('a browser renders the report'):
        check_in_browser(tmp_path / REPORT_NAME, scope, found)


def measure(scope):
    of_networks = {}
    for check in CHECK_NAMES:
        of_networks.setdefault(scope.of(check), []).append(check)
    parts = [verify(named_subjects(networks), checks) for networks, checks in of_networks.items()]
    return Verification(
        tuple(outcome for part in parts for outcome in part.outcomes), sum(part.seconds for part in parts)
    )


def check_gradients(scope, found):
    for subject in named_subjects(scope.networks):
        compared = {
            one.item.removesuffix(' (zero)')
            for one in found.measurements
            if (one.network, one.check) == (subject.name, 'gradients')
        }
        expected = {
            f'{conv}.{part}' for conv in subject.plan.named_convs() for part in ('conv.weight', 'bn.weight', 'bn.bias')
        }
        assert compared == {*expected, 'head.fc.weight', 'head.fc.bias', 'images'}


@pytest.mark.slow
def test_processes_are_replaced_and_all_tasks_done(monkeypatch):
    monkeypatch.setattr(verification, '_TASKS_PER_PROCESS', 1)
    names = ['shufflenet_v2_0.25x', 'shufflenet_v2_0.33x', 'shufflenet_v1_g1_0.25x']
    found = verify(named_subjects(names), ('weights',), jobs=2)
    assert [name for name, _ in found.outcomes] == names


def test_a_killed_process_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr(verification, '_run_alone', _die)
    with pytest.raises(VerificationError, match='memory ran out; give fewer --jobs than 2'):
        verify(named_subjects(['shufflenet_v2_0.25x']), ('weights',), jobs=2)


def _die(task, jobs):
    os.kill(os.getpid(), signal.SIGKILL)


def check_curves(found):
    for name, outcome in found.outcomes:
        for curve in outcome.curves:
            assert len(curve.values) > 100, name
            assert sum(curve.values[-10:]) < 0.5 * sum(curve.values[:10]), (name, curve.name)


def check_numbers(data, found):
    assert data['verdict'] == 'equivalent'
    assert len(data['measurements']) == data['measured'] == len(found.measurements)
    for one in data['measurements']:
        assert one['passed'] == (one['difference'] <= one['bound'])


class Page(HTMLParser):
    """Collects what a reader sees, and what would be loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.images, self.external, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'svg':
            self.images.append(attributes.get('aria-label'))
        self.external += [
            value
            for name, value in attributes.items()
            if name in ('src', 'href', 'xlink:href') and not value.startswith('#')
        ]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def check_content(text, scope, found):
    assert f'Equivalent: all {len(found.measurements)} differences are within their bounds' in text
    for name in scope.networks:
        assert name in text
    for words in (
        'By stage',
        'Differences by layer',
        'Differences by step',
        'noise floor',
        'logits',
        'PyTorch',
        'MindSpore',
        '97x160',
        *(('Loss curves', 'final accuracies') if scope.trained else ()),
    ):
        assert words in text, words
    for note in found.notes:
        assert ' '.join(note.split()) in ' '.join(text.split())


def check_report(path, scope, found):
    page = Page(path.read_text())
    assert not page.open
    assert not page.external
    check_content(' '.join(page.texts), scope, found)
    for name in scope.networks:
        plots = [label for label in page.images if label.startswith(name)]
        trained = name in scope.trained
        assert len(plots) == 4 + trained, plots
        assert any('loss curves' in label for label in plots) == trained


def check_in_browser(path, scope, found):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip('no Chromium on this machine')
    options = ('--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=5000')
    url = path.as_uri()
    rendered = subprocess.run([browser, *options, '--dump-dom', url], capture_output=True, text=True, timeout=120)
    assert rendered.returncode == 0, rendered.stderr
    check_content(' '.join(Page(rendered.stdout).texts), scope, found)
    picture = path.with_suffix('.png')
    subprocess.run(
        [browser, *options, '--window-size=1200,2000', f'--screenshot={picture}', url], capture_output=True, timeout=120
    )
    # An empty page of that size compresses to a few kilobytes.
    assert picture.stat().st_size > 50_000
