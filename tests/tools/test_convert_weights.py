"""The command line of the conversion."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from helpers.layout_weights import make_weights
from helpers.refusals import assert_refused
from helpers.tiny_job import write_config

from shufflenet_zoo.weights import convert_file, get_weights
from shufflenet_zoo.weights.download import fetch
from shufflenet_zoo.weights.files import read_content

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'convert_weights.py'


@pytest.fixture
def convert(call):
    """Call the tool; return its exit status, output and errors as texts."""

    def run(*arguments):
        status, output, errors = call('convert_weights', *arguments)
        return status, '\n'.join(output), '\n'.join(errors)

    return run


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('source') / 'shufflenetv2_x0.5.pth'
    torch.save(torchvision.models.shufflenet_v2_x0_5(num_classes=10).state_dict(), path)
    return path


def test_half_precision_is_that_of_the_shipped_files(convert, tmp_path):
    """The last step of their recipe gives their tensors, but for BatchNorm's counters, which they lack."""
    row = get_weights('shufflenet_v2_digits')
    assert '--half' in row.recipe
    assert convert(row.address, tmp_path / 'half.safetensors', '--half')[0] == 0
    shipped, found = read_content(fetch(row)), read_content(tmp_path / 'half.safetensors')
    assert all(name.endswith('num_batches_tracked') for name in found.tensors.keys() - shipped.tensors.keys())
    for name, array in shipped.tensors.items():
        assert array.dtype == found.tensors[name].dtype == np.float16
        assert np.array_equal(array, found.tensors[name])
    assert found.description == shipped.description


def test_half_precision_has_a_range(convert, tmp_path):
    weights = torchvision.models.shufflenet_v2_x0_5(num_classes=10).state_dict()
    weights['fc.bias'][0] = 1e5
    torch.save(weights, tmp_path / 'large.pth')
    status, _, err = convert(tmp_path / 'large.pth', tmp_path / 'x.npz', '--half')
    assert_refused(status, err, 'tensor head.fc.bias has values beyond the range of half precision')
    status, _, err = convert(tmp_path / 'large.pth', tmp_path / 'x.npz', '--half', '--verify')
    assert status == 2 and '--half rounds the weights' in err
    assert not (tmp_path / 'x.npz').exists()


def test_torchvision_to_both_frameworks_and_back(convert, source, tmp_path):
    status, out, err = convert(source, tmp_path / 'a.pth', '--verify')
    assert (status, err) == (0, '')
    assert "backbone: dict(type='shufflenet_zoo.ShuffleNetV2', widen_factor=0.5)" in out
    assert "verified: torchvision's network before and shufflenet_zoo's after" in out
    status, out, _ = convert(tmp_path / 'a.pth', tmp_path / 'b.ckpt', '--verify')
    assert status == 0
    assert 'layout mindspore' in out
    assert 'shufflenet_zoo on MindSpore' in out
    status, out, _ = convert(tmp_path / 'b.ckpt', tmp_path / 'c.pth', '--from', 'mindspore', '--to', 'torchvision')
    assert status == 0
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    model.load_state_dict(torch.load(tmp_path / 'c.pth', weights_only=True))
    original = torch.load(source, weights_only=True)
    assert all(torch.equal(value, original[key]) for key, value in model.state_dict().items())


def test_it_runs_as_a_program(source, tmp_path):
    done = subprocess.run(
        [sys.executable, str(TOOL), str(source), str(tmp_path / 'a.safetensors')],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, '')
    assert (tmp_path / 'a.safetensors').is_file()
    done = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path / 'none.pth'), str(tmp_path / 'b.pth')],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f'error: checkpoint {tmp_path / "none.pth"} does not exist; give a weight file\n'


def change(state, name, value):
    state[name] = value


BAD_SOURCES = {
    'missing': (lambda state: state.pop('conv1.0.weight'), 'conv1.0.weight'),
    'left over': (lambda state: change(state, 'extra', torch.zeros(1)), 'left over (extra)'),
    'shape off by one': (lambda state: change(state, 'fc.weight', torch.zeros(10, 1023)), '(10, 1023)'),
    'NaN': (lambda state: state['fc.bias'].fill_(float('nan')), 'not finite'),
    'integers': (lambda state: change(state, 'fc.bias', torch.zeros(10, dtype=torch.int32)), 'int32'),
    'other network': (lambda state: (state.clear(), change(state, 'layer1.weight', torch.zeros(1))), 'known layouts'),
    'empty': (lambda state: state.clear(), 'no weights'),
}


@pytest.mark.parametrize('fault', BAD_SOURCES)
def test_bad_sources_end_with_one_line_and_leave_the_destination(fault, convert, source, tmp_path):
    spoil, told = BAD_SOURCES[fault]
    state = torch.load(source, weights_only=True)
    spoil(state)
    bad, destination = tmp_path / 'bad.pth', tmp_path / 'destination.pth'
    torch.save(dict(state), bad)
    destination.write_bytes(b'what was there')
    status, out, err = convert(bad, destination)
    assert_refused(status, err, told)
    assert out == ''
    assert destination.read_bytes() == b'what was there'
    assert {path.name for path in tmp_path.iterdir()} == {'bad.pth', 'destination.pth'}


@pytest.mark.parametrize(
    ('data', 'told'),
    [(b'', 'is empty'), (b'no weights at all', 'damaged|cannot be read'), (None, 'cannot be read|damaged')],
)
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', '.ckpt', '.npz'])
def test_damaged_sources(suffix, data, told, convert, source, tmp_path):
    bad = tmp_path / f'bad{suffix}'
    if data is None:
        assert convert(source, bad)[0] == 0
        data = bad.read_bytes()[:-1000]
        (tmp_path / f'bad{suffix}.json').unlink(missing_ok=True)
    bad.write_bytes(data)
    status, _, err = convert(bad, tmp_path / 'destination.pth')
    assert_refused(status, err)
    assert any(text in err for text in told.split('|')), err
    assert not (tmp_path / 'destination.pth').exists()


def test_what_verification_refuses_is_not_written(convert, source, tmp_path, monkeypatch):
    monkeypatch.setattr('shufflenet_zoo.weights.api.convert', _spoilt)
    status, _, err = convert(source, tmp_path / 'a.pth', '--verify')
    assert_refused(status, err, 'computes something else')
    assert not list(tmp_path.iterdir())


def _spoilt(weights, to):
    from shufflenet_zoo.weights import convert

    converted = convert(weights, to)
    converted.tensors['conv1.bn.bias'][0] += np.float32(0.01)
    return converted


def test_arguments_that_cannot_be(convert, source, tmp_path):
    (tmp_path / 'folder.pth').mkdir()
    (tmp_path / 'file').write_text('')
    for arguments, told in (
        ((source, tmp_path / 'a.txt'), 'suffix'),
        ((source, tmp_path / 'folder.pth'), 'it is a folder'),
        ((source, tmp_path / 'file' / 'a.pth'), 'cannot be written'),
        ((source, tmp_path / 'a.pth', '--to', 'mindcv'), 'cannot express'),
        ((source, tmp_path / 'a.pth', '--from', 'pytorchcv'), "not those of layout 'pytorchcv'"),
        ((source, tmp_path / 'a.pth', '--backbone', 'widen_factor'), 'KEY=VALUE'),
        ((source, tmp_path / 'a.pth', '--backbone', 'widen_factor=1.0'), 'no ShuffleNetV2'),
        ((source, tmp_path / 'a.pth', '--backbone', 'colour=red'), 'colour'),
    ):
        status, _, err = convert(*arguments)
        assert_refused(status, err, told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'folder.pth']


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_evaluation_takes_converted_files_of_its_network_alone(suffix, tmp_path, call):
    """megvii's eight groups keep their shuffle order, without which equal shapes would load and compute nonsense."""
    state = make_weights(
        'megvii',
        {'type': 'ShuffleNetV1', 'groups': 8, 'widen_factor': 0.5, 'stem_rule': 'megvii', 'shuffle_order': 'megvii'},
        classes=10,
    ).tensors
    torch.save({key: torch.from_numpy(value) for key, value in state.items()}, tmp_path / 'megvii.pth')
    convert_file(tmp_path / 'megvii.pth', tmp_path / f'ours{suffix}')
    for order, expected in (('megvii', 0), ('paper', 2)):
        write_config(
            tmp_path / 'config.py',
            f"""
model['backbone'].update(groups=8, stem_rule='megvii', shuffle_order={order!r}, small_stem=False)
test_dataloader['dataset']['pipeline'].insert(0, dict(type='Resize', scale=64))
""",
        )
        status, _, errors = call('test', 'config.py', f'ours{suffix}')
        assert status == expected, errors
        assert any("shuffle_order='megvii' (the network has 'paper')" in line for line in errors) == (order == 'paper')
