"""tools/export.py with a trained classifier of the digits."""

import json
import re
import sys

import cv2
import numpy as np
import pytest
import torch
from helpers.refusals import assert_damage_is_refused
from helpers.tiny_job import write_config

from shufflenet_zoo import deployed
from shufflenet_zoo.data import digits
from shufflenet_zoo.deployed.trial import survive
from shufflenet_zoo.errors import DataError, DependencyError
from shufflenet_zoo.export import exporter, instruction_sets
from shufflenet_zoo.weights import convert_file


def skip_without(name: str) -> None:
    try:
        exporter.load_format(name)
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ('name', 'suffix'),
    [
        ('onnx', '.onnx'),
        ('openvino', '.xml'),
        ('torchscript', '.torchscript'),
        ('mnn', '.mnn'),
        ('ncnn', '.ncnn.param'),
    ],
)
def test_writes_a_file_that_classifies_as_the_test_tool(call, trained, tmp_path, name, suffix):
    config, checkpoint = trained
    skip_without(name)
    out = tmp_path / 'exported' / f'model{suffix}'
    dynamic = ['--dynamic'] if name != 'ncnn' else []
    status, output, errors = call('export', config, checkpoint, '--format', name, *dynamic, '--out', out)
    assert status == 0, errors
    assert output[-1] == f'written: {out}'
    form = 'as trained, which suits this format better' if name in ('openvino', 'ncnn') else 'the deploy form'
    assert output[0] == f'form: {form}'
    assert {path.suffix for path in out.parent.iterdir()} <= {out.suffix, '.bin', '.json'}
    loaded, metadata = exporter.load_file(name, out, trust=True)
    assert (metadata.mean, metadata.std) == ((78,) * 3, (96,) * 3)
    assert metadata.channel_order == 'bgr' and metadata.class_names == digits.CLASSES
    assert metadata.input_size == (8, 8)
    assert metadata.dynamic == bool(dynamic) and metadata.short_side is None
    assert_like_the_test_tool(call, config, checkpoint, tmp_path, loaded, metadata)
    if name != 'torchscript':
        assert_like_the_predict_tool(call, config, checkpoint, tmp_path, out)
        assert_damage_is_refused(lambda: exporter.load_file(name, out), out)


@pytest.mark.slow
def test_a_mindir_file_is_refused_where_it_is_damaged(call, trained, tmp_path):
    pytest.importorskip('mindspore')
    config, checkpoint = trained
    convert_file(checkpoint, tmp_path / 'trained.ckpt')
    out = tmp_path / 'model.mindir'
    arguments = (config, tmp_path / 'trained.ckpt', '--backend', 'mindspore', '--format', 'mindir', '--out', out)
    status, _, errors = call('export', *arguments)
    assert status == 0, errors
    assert_damage_is_refused(lambda: exporter.load_file('mindir', out), out)


def test_a_file_on_which_its_engine_crashes_ends_no_other_process_than_its_own(call, trained, tmp_path):
    skip_without('mnn')
    out = tmp_path / 'model.mnn'
    assert call('export', *trained, '--format', 'mnn', '--out', out)[0] == 0
    # Without its digest, a file is refused by its engine alone.
    whole = re.sub(rb'(?<=sha256:)[0-9a-f]{64}', b'0' * 64, out.read_bytes())
    out.write_bytes(whole)
    survive(out)
    small = np.frombuffer(whole, np.uint8) == 0
    offsets = np.flatnonzero(small[1:-2] & small[2:-1] & small[3:])  # before them lie small numbers: no weights
    for seed in range(50):
        damaged = bytearray(whole)
        for place in np.random.default_rng(seed).choice(offsets, 3):
            damaged[place] ^= 64
        out.write_bytes(damaged)
        try:
            survive(out)
        except DataError:
            break
    with pytest.raises(DataError, match='its engine crashes on it'):
        deployed.load(out)


def test_the_test_tool_measures_an_exported_file(call, trained, tmp_path):
    out = tmp_path / 'model.onnx'
    assert call('export', *trained, '--format', 'onnx', '--out', out)[0] == 0
    status, output, errors = call('test', trained[0], out)
    assert status == 0, errors
    found = {name: float(value) for name, value in (line.split(': ') for line in output)}
    assert call('test', *trained, '--out', 'm.json', '--out-item', 'metrics', '--device', 'cpu')[0] == 0
    expected = json.loads((tmp_path / 'm.json').read_text())
    assert found == pytest.approx(expected, abs=0.5) and found['accuracy/top5'] > found['accuracy/top1']


def assert_like_the_predict_tool(call, config, checkpoint, tmp_path, out) -> None:
    picture = tmp_path / 'digit.png'
    cv2.imwrite(str(picture), digits.load_split('test')[0][7])
    status, output, errors = call('predict', config, checkpoint, picture, '--json', '--device', 'cpu')
    assert status == 0, errors
    expected = json.loads('\n'.join(output))[0]['predictions']
    found = deployed.load(out)(picture)
    assert [one.label for one in found] == [one['label'] for one in expected]
    np.testing.assert_allclose([one.score for one in found], [one['score'] for one in expected], atol=1e-5)


def assert_like_the_test_tool(call, config, checkpoint, tmp_path, loaded, metadata) -> None:
    """Prepare the test images by the file's metadata alone; compare with what tools/test.py finds."""
    import mmengine

    status, _, errors = call('test', config, checkpoint, '--out', tmp_path / 'found.pkl', '--device', 'cpu')
    assert status == 0, errors
    arrays = digits.load_split('test')[0][:64].astype(np.float32)
    prepared = (arrays - np.float32(metadata.mean)) / np.float32(metadata.std)
    # ncnn takes one image at a time.
    logits = np.concatenate([loaded.run(image[None]) for image in prepared.transpose(0, 3, 1, 2)])
    expected = torch.stack([sample['pred_score'] for sample in mmengine.load(tmp_path / 'found.pkl')]).numpy()
    scores = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), expected, atol=1e-4)


@pytest.mark.parametrize('name', ['onnx', pytest.param('openvino', marks=pytest.mark.slow)])
def test_quantizes_and_prints_accuracies(call, trained, tmp_path, monkeypatch, name):
    # Three epochs of three iterations decide nearly at random, so that quantizing changes decisions.
    monkeypatch.setattr(exporter, 'MIN_AGREEMENT', 0.0)
    config, checkpoint = trained
    target = exporter.load_format(name)
    whole, small = tmp_path / f'whole{target.suffix}', tmp_path / f'small{target.suffix}'
    assert call('export', config, checkpoint, '--format', name, '--out', whole)[0] == 0
    status, output, errors = call(
        'export', config, checkpoint, '--format', name, '--int8', '--calibration', 16, '--out', small
    )
    assert status == 0, errors
    if name == 'openvino':
        assert output.pop(-2) == f'right too under {", ".join(instruction_sets.offered())}'
    assert 'top-1 on the test data' in output[-2] and '% in int8' in output[-2]
    assert output[0] == (
        'form: the deploy form' if name == 'onnx' else 'form: as trained, which suits this format better'
    )
    if name == 'onnx':  # OpenVINO keeps V1's grouped convolutions, most of its weights, as they are
        assert small.stat().st_size < 0.6 * whole.stat().st_size
    assert not [path for path in tmp_path.rglob('*') if 'unfinished' in path.name or 'prepared' in path.name]


def test_a_file_of_other_decisions_is_removed(refused, trained, monkeypatch):
    monkeypatch.setattr(exporter, 'MIN_AGREEMENT', 1.1)
    refused(
        'export',
        *trained,
        '--format',
        'onnx',
        '--int8',
        '--calibration',
        4,
        '--out',
        'm.onnx',
        words=('decides like the live model on', '--calibration'),
    )


def test_a_file_that_differs_is_removed(refused, trained, monkeypatch):
    monkeypatch.setitem(exporter.TOLERANCES, 'fp32', 0.0)
    refused('export', *trained, '--format', 'onnx', '--out', 'm.onnx', words=('something else than the live model',))


def test_an_existing_file_survives_a_failure(call, trained, tmp_path, monkeypatch):
    monkeypatch.setitem(exporter.TOLERANCES, 'fp32', 0.0)
    (tmp_path / 'm.onnx').write_text('mine')
    assert call('export', *trained, '--format', 'onnx', '--out', 'm.onnx')[0] == 2
    assert (tmp_path / 'm.onnx').read_text() == 'mine'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--format', 'onnx', '--int8'), ('--int8 needs calibration data', '--calibration N')),
        (('--format', 'onnx', '--calibration', 4), ('--calibration is for --int8 only',)),
        (('--format', 'torchscript', '--int8', '--calibration', 4), ('--int8', 'torchscript holds fp32, fp16')),
        (('--format', 'onnx', '--out', 'model.pt'), ('--out model.pt', '*.onnx')),
        (('--format', 'ncnn', '--out', 'model.param'), ('--out model.param', '*.ncnn.param')),
        (('--format', 'ncnn', '--dynamic'), ('--dynamic: format ncnn', '--format onnx')),
        (('--format', 'ncnn', '--int8', '--calibration', 4), ('--int8', 'ncnn holds fp32, fp16', '--format onnx')),
        (('--format', 'mnn', '--int8', '--calibration', 4), ('--int8', 'mnn holds fp32, fp16')),
        (('--format', 'onnx', '--precision-hint', 'bf16'), ('--precision-hint', 'format onnx', '--format openvino')),
        (('--format', 'mindir'), ('mindir', '--backend mindspore')),
        (('--format', 'openvino', '--backend', 'mindspore'), ('openvino', '--backend torch')),
    ],
)
def test_bad_options(refused, trained, options, words):
    pytest.importorskip('mindspore')
    refused('export', *trained, *options, words=words)


def test_calibration_data_that_is_not_there(refused, trained, tmp_path):
    refused(
        'export',
        *trained,
        '--format',
        'onnx',
        '--int8',
        '--calibration',
        4,
        '--cfg-options',
        'train_dataloader.dataset.type=CustomDataset',
        'train_dataloader.dataset.data_root=/nowhere/data',
        words=('/nowhere/data', 'does not exist'),
    )


def test_untrained_checkpoint(refused, trained, tmp_path_factory):
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.openmmlab.predictor import build_model

    path = tmp_path_factory.mktemp('untrained') / 'initial.pth'
    torch.save(build_model(load_config(trained[0])).state_dict(), path)
    refused('export', trained[0], path, '--format', 'onnx', words=('initial.pth', 'untrained'))


def test_other_architecture(refused, trained, tmp_path_factory):
    config = write_config(tmp_path_factory.mktemp('other') / 'other.py', base='shufflenet_v2.py')
    refused(
        'export',
        config,
        trained[1],
        '--format',
        'onnx',
        words=('holds the weights of ShuffleNetV1, and the network is ShuffleNetV2',),
    )


def test_truncated_checkpoint(refused, trained, tmp_path_factory):
    path = tmp_path_factory.mktemp('truncated') / 'half.pth'
    path.write_bytes(trained[1].read_bytes()[:1000])
    refused('export', trained[0], path, '--format', 'onnx', words=('half.pth',))


@pytest.mark.parametrize('name', ['litert', 'executorch'])
def test_missing_environment_of_an_engine(refused, trained, monkeypatch, tmp_path, name):
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / '.venv'))
    monkeypatch.delitem(sys.modules, f'shufflenet_zoo.export.format_{name}', raising=False)
    words = (f'--format {name} needs the environment', f'.venv-{name}', f'make {name}-env builds it')
    refused('export', *trained, '--format', name, words=words)


@pytest.mark.parametrize(
    ('name', 'package', 'extra'),
    [
        ('onnx', 'onnxruntime', 'export'),
        ('ncnn', 'ncnn', 'ncnn'),
        ('ncnn', 'pnnx', 'ncnn'),
        ('mindir', 'mindspore', 'mindspore'),
    ],
)
def test_missing_engine(refused, trained, monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f'shufflenet_zoo.export.format_{name}', raising=False)
    words = (f'--format {name} needs the package', package, f'shufflenet-zoo[{extra}]')
    refused('export', *trained, '--format', name, words=words)


def test_every_format_can_be_chosen(call):
    status, output, _ = call('export', '--help')
    assert status == 0
    assert all(name in ' '.join(output) for name in exporter.FORMATS)
