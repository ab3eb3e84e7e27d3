"""tools/benchmark.py: what it measures, and what it makes of it."""

import json
import subprocess
import sys

import pytest
import torch
from helpers.refusals import assert_refused
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_zoo.benchmark import measure, report, roofline
from shufflenet_zoo.benchmark.cases import (
    PROCESSES,
    STANDARD_CASES,
    STANDARD_RATIOS,
    STANDARD_STARTS,
    Case,
    Ratio,
)
from shufflenet_zoo.benchmark.detection_engines import BACKBONES as DETECTORS
from shufflenet_zoo.benchmark.guidelines import BASELINES, NETWORKS
from shufflenet_zoo.benchmark.networks import MINDSPORE, TORCH
from shufflenet_zoo.errors import BenchmarkError

SUBJECT, OTHER_FORM = Case('ours/v2', 'traced', 1, 'deploy'), Case('ours/v2', 'eager', 1)
PEER, SLOW_PEER = Case('torchvision/v2', 'eager', 1), Case('mmpretrain/v1', 'eager', 1)
RESULTS = measure.Results(
    times={
        str(SUBJECT): [1.0, 2.0, 3.0, 2.0],
        str(OTHER_FORM): [8.0] * 4,
        str(PEER): [5.0, 4.0, 6.0, 5.0],
        str(SLOW_PEER): [50.0] * 4,
    },
    starts={str(SUBJECT): {'seconds': 3.0, 'peak_mib': 100.0, 'tensors_mib': 10.0}},
    machine=measure.describe_machine(2),
    peaks={'multiply_adds': 1e11, 'bytes': 1e10},
)


def test_ratio_is_that_of_the_fastest_medians():
    ratio = Ratio('title', SUBJECT, (SLOW_PEER, PEER))
    assert RESULTS.ratio(ratio) == 2.5
    assert RESULTS.as_dict([ratio])['ratios'] == [{'title': 'title', 'batch': 1, 'ratio': 2.5}]


def test_tables_and_plot(tmp_path):
    cases = [SUBJECT, OTHER_FORM, PEER, SLOW_PEER]
    text = report.markdown(RESULTS, cases, [Ratio('faster', SUBJECT, (PEER,))])
    assert '| faster | 1 | 2.50 |\n' in text
    assert '| ours/v2 (deploy) | traced | 1 | 2.00 |' in text
    assert '| ours/v2 deploy, traced, batch 1 | 3.0 | 100 | 10 |' in text
    report.plot(RESULTS, cases, tmp_path / 'plot.svg')
    assert '<svg' in (tmp_path / 'plot.svg').read_text()


def test_roofline_of_known_peaks():
    # V2 1.0x has 144.9 M multiply-adds with its classifier.
    assert roofline.bound('ours/v2', RESULTS.peaks).arithmetic == pytest.approx(1.449, abs=1e-3)
    assert 1 < roofline.bound('ours/v1', RESULTS.peaks).memory < 10
    assert '100 G multiply-adds and 10.0 GB' in report.markdown(RESULTS, [], [])


def test_tables_of_a_document_are_replaced(tmp_path):
    path = tmp_path / 'document.md'
    path.write_text('before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n')
    for text in ('newer', 'new'):
        report.write_tables(path, text)
    assert path.read_text() == 'before\n<!-- tables -->\n\nnew\n\n<!-- end of tables -->\nafter\n'


@pytest.mark.parametrize('command', ['benchmark', 'ablate'])
def test_a_document_without_place_for_tables_is_refused_at_once(command, call, tmp_path):
    (tmp_path / 'document.md').write_text('no markers')
    arguments = ['no-images'] if command == 'ablate' else []
    for name, said in (('document.md', '<!-- tables -->'), ('missing.md', 'cannot be read')):
        status, _, errors = call(command, *arguments, '--write-into', tmp_path / name)
        assert_refused(status, '\n'.join(errors), said)


def test_every_case_can_be_built_and_every_ratio_is_measured():
    engines = {engine for group in PROCESSES.values() for engine in group}
    networks = {'mindspore': MINDSPORE, 'detection': DETECTORS}
    for case in (*STANDARD_CASES, *STANDARD_STARTS):
        assert case.engine in engines
        assert case.network in networks.get(case.process.removesuffix('-as-installed'), TORCH)
    for ratio in STANDARD_RATIOS:
        assert set(ratio.cases) <= set(STANDARD_CASES)
        assert len({case.batch for case in ratio.cases}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    'process, network, count', [('torch', 'torchvision/mobilenet_v3_small', 1), ('mindspore', 'ours/v2', 2)]
)
def test_measures_in_turns_in_a_process_of_its_own(call, tmp_path, process, network, count):
    status, output, errors = call(
        'benchmark',
        '--processes',
        process,
        '--networks',
        network,
        '--batches',
        1,
        '--seconds',
        0,
        '--threads',
        1,
        '--out',
        tmp_path / 'out',
    )
    assert status == 0, errors
    assert any(network in line for line in output)
    found = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert len(found['times_ms']) == count
    assert all(len(times) >= 5 and min(times) > 0 for times in found['times_ms'].values())
    assert found['machine']['packages'][process]
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'results.json', 'results.md', 'results.svg'}


def test_environment_of_a_process(monkeypatch):
    environments = []

    def run(*arguments, **options):
        environments.append(options['env'])
        return subprocess.CompletedProcess([], 0, '{}', '')

    monkeypatch.setattr(measure.subprocess, 'run', run)
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', 'AVX2')
    for engine in ('mindspore-as-installed', 'mindspore'):
        measure._work('times', [Case('mindcv/v1', engine, 8)], 1, 0)
    assert [environment['ONEDNN_MAX_CPU_ISA'] for environment in environments] == ['DEFAULT', 'AVX2']


@pytest.mark.slow
def test_checkpointing_saves_activations():
    plain, checkpointed = (
        measure._work('start', [Case('ours/v2', 'training', 4, form)], 1, 0) for form in ('plain', 'checkpointed')
    )
    assert checkpointed['tensors_mib'] <= 0.55 * plain['tensors_mib']
    assert plain['seconds'] > 0 and plain['peak_mib'] > plain['tensors_mib'] > 0


def test_an_engine_that_is_not_there(call, monkeypatch):
    def run(*arguments, **options):
        if '"peaks"' in options['input']:
            return subprocess.CompletedProcess([], 0, '{}', '')
        return subprocess.CompletedProcess([], 1, '', "Traceback ...\nModuleNotFoundError: No module named 'openvino'")

    monkeypatch.setattr(measure.subprocess, 'run', run)
    status, _, errors = call('benchmark', '--processes', 'openvino', '--batches', 1)
    assert status == 2
    assert errors[-1].startswith('error: openvino cannot measure') and "'openvino'" in errors[-1]


def test_nothing_to_measure(refused):
    refused('benchmark', '--networks', 'resnet', words=('nothing to measure', 'torchvision/v2'))


def test_the_answer_of_a_worker_is_json():
    with pytest.raises(BenchmarkError, match='cannot measure'):
        measure._work('times', [Case('ours/v3', 'eager', 1)], 1, 0)


def test_engines_print_nothing_into_the_answer():
    orders = {'job': 'start', 'cases': [Case('torchvision/v2', 'onnxruntime', 1).as_dict()], 'threads': 1, 'seconds': 0}
    worker = subprocess.run(
        [sys.executable, '-m', 'shufflenet_zoo.benchmark.worker'],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=True,
        env=measure.os.environ | {'BENCHMARK_START': '0'},
    )
    assert set(json.loads(worker.stdout)) == {'seconds', 'peak_mib'}


@pytest.mark.parametrize('baseline', BASELINES)
def test_networks_of_a_guideline_have_equal_arithmetic(baseline):
    def count(name):
        with torch.device('meta'), FlopCounterMode(display=False) as counter:
            stem, *blocks = NETWORKS[name]()
            x = torch.empty(1, stem.out_channels, 56, 56)
            for block in blocks:
                x = block(x)
        return counter.get_total_flops()

    for name in (name for name in NETWORKS if name[:2] == baseline[:2]):
        assert count(name) == pytest.approx(count(baseline), rel=0.06), name
