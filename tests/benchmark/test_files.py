"""Exported files in their runtimes: what is measured, and what is made of it."""

import json
import subprocess

import pytest

from shufflenet_zoo.benchmark import file_cases, files, measure
from shufflenet_zoo.benchmark.file_cases import ENGINES, FileCase
from shufflenet_zoo.benchmark.networks import TORCH
from shufflenet_zoo.export.contract import FORMATS


def results_of(cases: list[FileCase]) -> files.FileResults:
    """Return times that grow with pixels and batch; the deploy form takes half, more threads change nothing."""
    results = files.FileResults()
    for case in cases:
        time = case.batch * case.size**2 / 1e4 * (1 if case.form == 'plain' else 0.5)
        results.times[str(case)] = [time] * 3
        results.bytes[case.file.name] = 2**20
        results.openings[case.file.name] = {'milliseconds': 7.0, 'peak_mib': 50.0}
    return results


def test_cases_can_be_built_and_one_file_serves_all_that_differ_in_threads():
    cases = file_cases.file_cases(list(ENGINES))
    assert {case.network for case in cases} <= set(TORCH) and {ENGINES[case.engine].format for case in cases} <= set(
        FORMATS
    )
    assert {case.batch for case in cases if case.engine == 'ncnn'} == {1}
    assert {case.batch for case in cases if case.engine == 'mnn'} == {1, 8}
    assert len({case.name for case in {case.file for case in cases}}) == len({case.file for case in cases})
    assert len({case.file for case in cases}) == len(cases) / 2
    growth = file_cases.growth_cases(['mnn', 'ncnn'], 2)
    assert {case.engine for case in growth} == {'mnn'} and len({case.file for case in growth}) == 4


def test_tables_and_plot():
    cases = file_cases.file_cases(['mnn', 'ncnn'])
    text = files.report(results_of(cases), cases, ['networks: none'])
    # MNN gets V1's deploy form and ncnn the network as it was trained, which is no faster than the peer.
    assert "| V1 1.0x g3: our file / mmpretrain's | 1 | 2 | 2.00 | 1.00 |" in text
    assert '| ours/v1: deploy form / as trained | 8 | 1 | 2.00 |  |' in text
    assert '| ours/v2 (deploy) | 2.51 | 2.51 | 20.07 | 20.07 | 1.0 | 7 | 50 |' in text
    growth = file_cases.growth_cases(['mnn', 'openvino'], 2)
    axes = files.draw_growth(results_of(growth), growth).axes
    assert [panel.get_title() for panel in axes] == ['mnn', 'openvino'] * 2
    over_batch = axes[2].get_lines()[0]
    assert list(over_batch.get_xdata()) == list(file_cases.GROWTH_BATCHES)
    assert over_batch.get_ydata() == pytest.approx(6 * [224**2 / 2e4])


def test_an_engine_that_is_asked_for_must_be_there_and_others_are_left_out(refused, monkeypatch):
    monkeypatch.setitem(ENGINES, 'mnn', file_cases.Engine('mnn', ('no_such_package',)))
    refused('benchmark', '--engines', 'mnn', words=('--engines mnn', "'no_such_package'"))
    monkeypatch.setitem(ENGINES, 'litert', file_cases.Engine('litert', (), environment='nowhere'))
    refused('benchmark', '--engines', 'litert', words=('make nowhere-env',))


@pytest.mark.slow
def test_files_are_measured_with_the_runtime_alone(call, tmp_path, monkeypatch):
    run, imported = subprocess.run, {}

    def recorded(command, **options):
        done = run(command, **options)
        # A line of the interpreter ends in '| package.module'.
        lines = [line for line in done.stderr.splitlines() if line.startswith('import time:')]
        packages = {line.rpartition('|')[2].strip().split('.')[0] for line in lines}
        imported.setdefault(json.loads(options['input'])['job'], set()).update(packages)
        return done

    monkeypatch.setattr(measure.subprocess, 'run', recorded)
    monkeypatch.setenv('PYTHONPROFILEIMPORTTIME', '1')
    network = 'torchvision/mobilenet_v3_small'
    options = ('--engines', 'onnxruntime', '--networks', network, '--batches', 1, '--seconds', 0)
    status, output, errors = call('benchmark', *options, '--out', tmp_path)
    assert status == 0, errors
    assert any(line.startswith(f'| {network} |') for line in output)
    found = json.loads((tmp_path / 'results.json').read_text())['files']
    assert len(found['times_ms']) == 2 and min(found['medians_ms'].values()) > 0
    # What writes the files shows that a framework would be seen.
    assert 'torch' in imported['write']
    for job in ('files', 'open'):
        assert 'onnxruntime' in imported[job] and not imported[job] & {'torch', 'mmengine', 'mmcv', 'mindspore'}
    (opening,) = found['openings'].values()
    assert opening['peak_mib'] > 0
