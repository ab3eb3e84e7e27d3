"""Weight files: round trips through every format, descriptions, damage and hostility."""

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from contextlib import suppress
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
import torch
from helpers.layout_weights import make_weights

from shufflenet_zoo.backbones.loading import load_strictly
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.registry import MODELS
from shufflenet_zoo.weights import (
    backbone_of_file,
    check_backbone,
    convert_file,
    file_ckpt,
    read_weights,
    write_weights,
)
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.fetch import as_checkpoint
from shufflenet_zoo.weights.files import read_content
from shufflenet_zoo.weights.zoo import as_content

SMALL = {'type': 'ShuffleNetV1', 'groups': 1, 'widen_factor': 0.25}
MEGVII = {'type': 'ShuffleNetV1', 'groups': 8, 'widen_factor': 0.5, 'stem_rule': 'megvii', 'shuffle_order': 'megvii'}
SUFFIXES = ('.pth', '.pt', '.pth.tar', '.safetensors', '.ckpt', '.npz')


def same(first, second):
    return first.keys() == second.keys() and all(
        first[key].dtype == second[key].dtype and first[key].tobytes() == second[key].tobytes() for key in first
    )


@pytest.fixture(scope='module')
def small():
    return make_weights('openmmlab', SMALL)


@pytest.mark.parametrize('dtype', ['float32', 'float16', 'bfloat16', 'float64'])
@pytest.mark.parametrize('suffix', SUFFIXES)
def test_every_format_keeps_every_bit_and_the_backbone(suffix, dtype, tmp_path):
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == 'bfloat16' else np.dtype(dtype)
    weights = make_weights('openmmlab', SMALL | {'shuffle_order': 'none', 'pool_padding': 'same'}, dtype=kind)
    path = tmp_path / f'weights{suffix}'
    write_weights(path, weights)
    again = read_weights(path)
    assert same(again.tensors, weights.tensors)
    assert again.architecture == weights.architecture
    assert again.layout == weights.layout
    assert backbone_of_file(path) == {
        'type': 'shufflenet_zoo.ShuffleNetV1',
        'groups': 1,
        'widen_factor': 0.25,
        'shuffle_order': 'none',
        'pool_padding': 'same',
    }
    written = {path.name} | ({f'{path.name}.json'} if suffix == '.ckpt' else set())
    assert {file.name for file in tmp_path.iterdir()} == written


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_conversion_through_files_is_bit_exact(suffix, tmp_path):
    """pytorchcv to a file of every format and back to what its own loader takes."""
    state = make_weights('pytorchcv', SMALL | {'width_rule': 'paper'}).tensors
    source, between, back = tmp_path / 'source.pth', tmp_path / f'between{suffix}', tmp_path / 'back.pth'
    torch.save({key: torch.from_numpy(value) for key, value in state.items()}, source)
    convert_file(source, between)
    convert_file(between, back, target_layout='pytorchcv')
    loaded = torch.load(back, weights_only=True)
    assert same({key: value.numpy() for key, value in loaded.items()}, state)


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_the_content_decides_whatever_the_suffix(suffix, tmp_path, small):
    write_weights(tmp_path / f'weights{suffix}', small)
    shutil.copy(tmp_path / f'weights{suffix}', tmp_path / 'weights')
    for name in ('last.ckpt', 'weights.pth', 'weights.bin'):
        shutil.copy(tmp_path / 'weights', tmp_path / name)
        (tmp_path / f'{name}.json').unlink(missing_ok=True)
        assert same(dict(read_weights(tmp_path / name).tensors), small.tensors)


@pytest.mark.parametrize(
    ('data', 'told'),
    [
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0', 'git lfs pull'),
        (b'<!DOCTYPE html><html></html>', 'is a web page'),
        (b'\x89HDF\r\n\x1a\n' + bytes(100), 'is an HDF5 file'),
        (b'\x1f\x8b\x08' + bytes(100), 'compressed by gzip'),
        (b'\x08\x08\x12\x07pytorch', 'begins like an ONNX model'),
        (b'no weights at all', 'no weight file'),
    ],
)
def test_what_holds_no_weights_is_called_what_it_is(data, told, tmp_path):
    for name in ('a.pth', 'a.ckpt', 'a'):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CheckpointError, match=told):
            read_content(tmp_path / name)


def test_a_weight_file_in_an_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.pth.zip', 'w') as archive:
        archive.writestr('shufflenetv2_w1.pth', b'weights')
    with pytest.raises(CheckpointError, match=r'zip archive of shufflenetv2_w1\.pth; unpack it'):
        read_content(tmp_path / 'a.pth.zip')


class Trained(torch.nn.Linear):
    """A network of the user's own."""


def test_refused_objects_are_named_with_the_line_that_saves_them_rightly(tmp_path):
    module = Trained(2, 2)
    torch.save(module, tmp_path / 'whole.pth')
    torch.save({'model': module}, tmp_path / 'within.pth')
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / 'program.pth')
    for name, told in (
        ('whole', r'test_files\.Trained'),
        ('within', r'test_files\.Trained'),
        ('program', 'TorchScript'),
    ):
        with pytest.raises(CheckpointError, match=rf"{told}.*torch\.save\(\{{'state_dict': model\.state_dict\(\)\}}"):
            read_content(tmp_path / f'{name}.pth')


def test_mindspore_reads_and_writes_the_same_files(tmp_path):
    import mindspore

    weights = make_weights('mindspore', SMALL)
    write_weights(tmp_path / 'ours.ckpt', weights)
    loaded = mindspore.load_checkpoint(str(tmp_path / 'ours.ckpt'))
    named = {weights.prefix(key) + key: value for key, value in weights.tensors.items()}
    assert same({key: value.asnumpy() for key, value in loaded.items()}, named)
    mindspore.save_checkpoint(
        [{'name': key, 'data': mindspore.Tensor(value)} for key, value in named.items()],
        str(tmp_path / 'theirs.ckpt'),
        crc_check=True,
    )
    assert same(dict(read_weights(tmp_path / 'theirs.ckpt').tensors), weights.tensors)
    mindspore.save_checkpoint(
        [{'name': 'half', 'data': mindspore.Tensor(np.ones(3), mindspore.bfloat16)}], str(tmp_path / 'half.ckpt')
    )
    half = read_content(tmp_path / 'half.ckpt').tensors['half']
    assert half.dtype == ml_dtypes.bfloat16
    assert half.astype(np.float32).tolist() == [1, 1, 1]


def test_pieces_of_a_large_tensor_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(file_ckpt, '_PIECE', 16)
    tensors = {'large': np.arange(10, dtype=np.float32).reshape(5, 2), 'small': np.zeros(2, np.float32)}
    file_ckpt.write(tmp_path / 'pieces.ckpt', Content(tensors))
    assert same(dict(file_ckpt.read(tmp_path / 'pieces.ckpt').tensors), tensors)


@pytest.mark.parametrize('wrapper', ['state_dict', 'model', 'ema_state_dict'])
def test_checkpoints_of_trainers_are_unwrapped(wrapper, tmp_path, small):
    path = tmp_path / 'wrapped.pth'
    state = {f'module.{key}': torch.from_numpy(value) for key, value in small.tensors.items()}
    if wrapper == 'ema_state_dict':
        state['steps'] = torch.tensor(7)
    torch.save({'epoch': 3, 'optimizer': {'state': {}}, wrapper: state}, path)
    assert same(dict(read_weights(path).tensors), small.tensors)


def test_a_trained_checkpoint_tells_its_backbone_through_its_config(tmp_path):
    from mmengine.config import Config
    from mmengine.logging import HistoryBuffer

    backbone = {
        'type': 'shufflenet_zoo.ShuffleNetV1',
        'groups': 1,
        'widen_factor': 0.25,
        'shuffle_order': 'none',
        'norm_cfg': {'type': 'BN', 'momentum': 0.1},
        'out_indices': (2,),
    }
    config = Config({'model': {'type': 'mmpretrain.ImageClassifier', 'backbone': backbone}, 'a': 1})
    state = {key: torch.from_numpy(value) for key, value in make_weights('openmmlab', backbone).tensors.items()}
    torch.save(
        {
            'meta': {'cfg': config.pretty_text},
            'state_dict': state,
            'message_hub': {'log_scalars': {'loss': HistoryBuffer([1.0], [1])}},
        },
        tmp_path / 'epoch_1.pth',
    )
    found = read_weights(tmp_path / 'epoch_1.pth')
    assert found.architecture['shuffle_order'] == 'none'
    assert not found.notes


def test_config_text_is_never_run(tmp_path, small):
    mark = tmp_path / 'ran'
    text = f'model = dict(backbone=dict(type=__import__("os").system("touch {mark}")))'
    state = {key: torch.from_numpy(value) for key, value in small.tensors.items()}
    torch.save({'meta': {'cfg': text}, 'state_dict': state}, tmp_path / 'epoch_1.pth')
    assert read_weights(tmp_path / 'epoch_1.pth').notes
    assert not mark.exists()


def test_the_backbone_of_a_config_is_checked_against_the_file(tmp_path):
    path = tmp_path / 'g8.pth'
    write_weights(path, make_weights('openmmlab', MEGVII))
    right = {**MEGVII, 'type': 'shufflenet_zoo.ShuffleNetV1', 'norm_eval': True, 'out_indices': (0, 1)}
    check_backbone(right, path)
    check_backbone({'type': 'mmdet.ResNet'}, path)
    with pytest.raises(CheckpointError, match=r"shuffle_order='megvii' \(the network has 'paper'\)"):
        check_backbone({**right, 'shuffle_order': 'paper'}, path)
    with pytest.raises(CheckpointError, match='ShuffleNetV1'):
        check_backbone({'type': 'shufflenet_zoo.ShuffleNetV2'}, path)


def test_an_activation_is_kept_and_compared(tmp_path):
    """It has no weights, so that nothing but the description can tell it."""
    wanted = {**SMALL, 'type': 'shufflenet_zoo.ShuffleNetV1', 'act_cfg': {'type': 'LeakyReLU', 'negative_slope': 0.1}}
    weights = make_weights('openmmlab', SMALL)
    write_weights(tmp_path / 'a.pth', replace(weights, act_cfg=wanted['act_cfg']))
    convert_file(tmp_path / 'a.pth', tmp_path / 'a.ckpt')
    convert_file(tmp_path / 'a.ckpt', tmp_path / 'b.safetensors')
    assert backbone_of_file(tmp_path / 'b.safetensors') == wanted
    content = as_checkpoint(as_content(read_weights(tmp_path / 'b.safetensors'), classifier=False))
    load_strictly(MODELS.build(wanted), content, 'b')
    with pytest.raises(CheckpointError, match=r"act_cfg=.*'LeakyReLU'.* \(the network has .*'ReLU'"):
        load_strictly(MODELS.build({**wanted, 'act_cfg': {'type': 'ReLU'}}), content, 'b')


def test_types_that_would_be_imported_are_refused(tmp_path, small):
    """mmengine imports whatever a dotted name of a type leads to."""
    path = tmp_path / 'a.pth'
    write_weights(path, small)
    content = torch.load(path, weights_only=True)
    content['meta']['shufflenet_zoo']['backbone']['act_cfg'] = {'type': 'antigravity.fly'}
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="act_cfg must be a dict with a type such as 'PReLU'"):
        read_weights(path)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', '.npz'])
def test_init_cfg_loads_a_converted_file(suffix, tmp_path):
    path = tmp_path / f'g8{suffix}'
    weights = make_weights('openmmlab', MEGVII)
    write_weights(path, weights)
    backbone = MODELS.build(
        {**backbone_of_file(path), 'init_cfg': {'type': 'Pretrained', 'checkpoint': str(path), 'prefix': 'backbone.'}}
    )
    backbone.init_weights()
    state = backbone.state_dict()
    assert all(
        np.array_equal(state[key].numpy(), value)
        for key, value in weights.tensors.items()
        if not key.startswith('head.')
    )


def test_a_stale_description_is_refused_and_a_new_file_removes_it(tmp_path, small):
    path = tmp_path / 'weights.pth'
    write_weights(path, make_weights('pytorchcv', SMALL | {'width_rule': 'paper'}))
    sidecar = tmp_path / 'weights.pth.json'
    assert json.loads(sidecar.read_text())['layout'] == 'pytorchcv'
    torch.save({key: torch.from_numpy(value) for key, value in small.tensors.items()}, path)
    with pytest.raises(CheckpointError, match='describes another file'):
        read_weights(path)
    write_weights(path, small)
    assert not sidecar.exists()
    assert same(dict(read_weights(path).tensors), small.tensors)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'no json',
        '[]',
        '{"layout": "openmmlab"}',
        '[' * 100_000,
        '{"layout": "foo", "backbone": {"type": "ShuffleNetV1"}}',
        '{"layout": "openmmlab", "backbone": {"type": "ResNet"}}',
        '{"layout": "openmmlab", "backbone": {"type": "ShuffleNetV1", "unknown": 1}}',
        '{"layout": "openmmlab", "backbone": {"type": "ShuffleNetV1", "groups": "x"}}',
    ],
)
def test_damaged_descriptions_are_refused(text, tmp_path, small):
    path = tmp_path / 'weights.ckpt'
    write_weights(path, small)
    described = (
        text[:-1] + f', "sha256": "{json.loads(path.with_name("weights.ckpt.json").read_text())["sha256"]}"}}'
        if text.endswith('}')
        else text
    )
    path.with_name('weights.ckpt.json').write_text(described)
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert '\n' not in str(caught.value)


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize('kind', ['torch', 'pickle', 'npz', 'wrapped'])
def test_code_in_files_is_not_run(kind, tmp_path, small):
    mark = tmp_path / 'ran'
    path = tmp_path / ('hostile.npz' if kind == 'npz' else 'hostile.pth')
    hostile = Hostile(f'touch {mark}')
    if kind == 'torch':
        torch.save({'state_dict': hostile}, path)
    elif kind == 'wrapped':
        torch.save(
            {
                'state_dict': {key: torch.from_numpy(value) for key, value in small.tensors.items()},
                'meta': {'cfg': hostile},
            },
            path,
        )
    elif kind == 'pickle':
        path.write_bytes(pickle.dumps({'a': hostile}, protocol=2))
    else:
        np.savez(path, a=np.array([hostile], dtype=object))
    with pytest.raises(CheckpointError, match='could run code'):
        read_weights(path)
    assert not mark.exists()


@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_pickles_of_arrays_are_read_without_pickle(protocol, tmp_path):
    arrays = {
        'a.weight': np.arange(6, dtype=np.float32).reshape(2, 3),
        'b.weight': np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        'c.weight': np.arange(3, dtype='>f8'),
        'd.weight': np.ones((), np.float32),
    }
    path = tmp_path / 'a.pdparams'
    path.write_bytes(pickle.dumps({**arrays, 'StructuredToParameterName@@': {'a.weight': 'conv_0'}}, protocol))
    found = read_content(path).tensors
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype.newbyteorder('=') and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ('data', 'told'),
    [
        (pickle.dumps({'a': np.array(['text'], object)}, 4), "of type '|O8'"),
        (pickle.dumps({'a': np.zeros(2, np.uint8)}, 4), "of type '|u1'"),
        (pickle.dumps({'a': [1.0]}, 4), "'a' is of type list"),
        (pickle.dumps([1.0], 4), 'holds no arrays by name'),
        (pickle.dumps({'a': np.zeros(2, np.float32)}, 4).replace(b'K\x02\x85', b'K\x09\x85'), 'not those of its shape'),
        (b'\x80\x02cos\nsystem\n(X\x01\x00\x00\x00atR.', r'\(os\.system\), which could run code'),
        (b'\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00a]s\x86b.', 'damaged'),  # state for a stand-in itself
        (b'\x80\x02(cnumpy\nndarray\no.', 'damaged'),  # an instruction that is not understood
        (b'\x80\x02\x82\x01.', 'damaged'),  # an extension's object
        (b'\x80\x02]r\xff\xff\xff\x7f.', 'no arrays by name'),  # a memo of 16 GiB
        (b'\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.', 'damaged'),  # as many bytes
    ],
)
def test_other_pickles_are_refused(data, told, tmp_path):
    (tmp_path / 'a.pdparams').write_bytes(data)
    with pytest.raises(CheckpointError, match=told.replace('|', r'\|')) as caught:
        read_content(tmp_path / 'a.pdparams')
    assert '\n' not in str(caught.value)


def test_damaged_pickles_raise_nothing_but_our_errors(tmp_path, small):
    data, path = pickle.dumps(dict(small.tensors), 2), tmp_path / 'a.pdparams'
    rng = np.random.default_rng(0)
    for size in (2, 7, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(CheckpointError):
            read_content(path)
    for _ in range(100):
        spoilt = bytearray(data[:20_000] + data[-20_000:])
        for place in rng.integers(2, 1000, size=5):
            spoilt[place] ^= 1 << rng.integers(8)
        path.write_bytes(spoilt)
        with suppress(CheckpointError):
            read_content(path)


def npy(shape, data=b'', descr='<f4'):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {'descr': descr, 'fortran_order': False, 'shape': shape})
    return stream.getvalue() + data


@pytest.mark.parametrize('suffix', ['.npz', '.pth'])
def test_zip_bombs_are_refused(suffix, tmp_path):
    path = tmp_path / f'bomb{suffix}'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data/0' if suffix == '.pth' else 'a.npy', bytes(200 * 2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(CheckpointError, match='do not compress like that'):
        read_weights(path)


def test_a_shape_larger_than_its_data_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as archive:
        archive.writestr('a.npy', npy((2**40, 2**10)))
    with pytest.raises(CheckpointError, match='not those of its shape'):
        read_weights(tmp_path / 'a.npz')
    torch.save({'a': torch.zeros(1).expand(2**40)}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='claims more values'):
        read_weights(tmp_path / 'a.pth')


def test_names_twice_in_a_file_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as archive, pytest.warns(UserWarning, match='Duplicate'):
        for _ in range(2):
            archive.writestr('a.npy', npy((1,), bytes(4)))
    part = {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]}
    header = f'{{"a":{json.dumps(part)},"a":{json.dumps(part)}}}'.encode()
    (tmp_path / 'a.safetensors').write_bytes(struct.pack('<Q', len(header)) + header + bytes(4))
    file_ckpt.write(tmp_path / 'a.ckpt', Content({'a': np.zeros(1, np.float32)}))
    (tmp_path / 'a.ckpt').write_bytes((tmp_path / 'a.ckpt').read_bytes() * 2)
    for suffix in ('.npz', '.safetensors', '.ckpt'):
        with pytest.raises(CheckpointError, match='a twice|a.npy twice'):
            read_content(tmp_path / f'a{suffix}')


@pytest.mark.parametrize(
    'value',
    [
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2, dtype=torch.float8_e4m3fn),
        torch.zeros(2).to_sparse(),
        'text',
        3,
        {'deep': torch.zeros(1)},
        torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8),
    ],
    ids=str,
)
def test_values_that_are_no_weights_are_refused(value, tmp_path, small):
    state = {key: torch.from_numpy(array) for key, array in small.tensors.items()}
    torch.save(state | {'conv1.bn.bias': value}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError) as caught:
        convert_file(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'b.pth').exists()


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_damaged_files_raise_nothing_but_our_errors(suffix, tmp_path, small):
    path, damaged = tmp_path / f'whole{suffix}', tmp_path / f'damaged{suffix}'
    write_weights(path, small)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for size in (1, 7, 100, len(data) // 2, len(data) - 1, *rng.integers(len(data), size=10)):
        damaged.write_bytes(data[:size])
        with pytest.raises(CheckpointError) as caught:
            read_weights(damaged)
        assert '\n' not in str(caught.value)
    for size in (1, 100, 10_000):
        damaged.write_bytes(rng.bytes(size))
        with pytest.raises(CheckpointError):
            read_weights(damaged)
    for _ in range(20):
        spoilt = bytearray(data)
        for place in rng.integers(2000, size=5):
            spoilt[place] ^= 1 << rng.integers(8)
        damaged.write_bytes(spoilt)
        try:
            read_weights(damaged)
        except CheckpointError as error:
            assert '\n' not in str(error)


def test_a_failed_write_leaves_the_destination_and_nothing_else(tmp_path, small, monkeypatch):
    path = tmp_path / 'weights.ckpt'
    write_weights(path, small)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(draft, content):
        draft.write_bytes(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(file_ckpt, 'write', fail)
    with pytest.raises(CheckpointError, match='No space left'):
        write_weights(path, small)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
