"""Weights load exactly or not at all."""

import mindspore as ms
import numpy as np
import pytest
from helpers.refusals import assert_one_line
from mindspore import nn

from shufflenet_zoo.arch import Conv
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.mindspore_impl.checkpoint import load_weights, save_weights
from shufflenet_zoo.mindspore_impl.layers import LayerConfig
from shufflenet_zoo.weights import file_ckpt, file_safetensors

FORMATS = ['.ckpt', '.safetensors']


class Network(nn.Cell):
    def __init__(self, channels: int = 8, norm: str = 'BN') -> None:
        super().__init__()
        layer_cfg = LayerConfig(None, {'type': norm}, {'type': 'PReLU'})
        self.backbone = layer_cfg.conv(Conv(3, channels, 3, act=True))
        self.fc = nn.Dense(channels, 2)


def arrays(cell: nn.Cell) -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy().copy() for p in cell.get_parameters()}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert all(np.array_equal(array, other[name]) for name, array in one.items())


def save_arrays(path, tensors: dict[str, np.ndarray]) -> None:
    ms.save_checkpoint(
        [{'name': name, 'data': ms.Tensor(array)} for name, array in tensors.items()], str(path), format=path.suffix[1:]
    )


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    return tmp_path / f'weights{request.param}'


def assert_not_loaded(path, message: str, cell: nn.Cell | None = None) -> None:
    cell = cell or Network()
    before = arrays(cell)
    with pytest.raises(CheckpointError, match=message) as error:
        load_weights(cell, path)
    assert_one_line(str(error.value), str(path))
    assert_same(arrays(cell), before)


def test_what_is_saved_loads_to_the_bit(path):
    saved, loaded = Network(), Network()
    assert not np.array_equal(saved.fc.weight.asnumpy(), loaded.fc.weight.asnumpy())
    save_weights(saved, path)
    load_weights(loaded, path)
    assert_same(arrays(saved), arrays(loaded))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_files_are_mindspores_own(path):
    cell = Network()
    save_weights(cell, path)
    found = ms.load_checkpoint(str(path), format=path.suffix[1:])
    assert_same({name: parameter.asnumpy() for name, parameter in found.items()}, arrays(cell))


def test_a_backbone_loads_from_a_classifiers_file(path):
    saved = Network()
    save_weights(saved, path)
    alone = LayerConfig(None, {'type': 'BN'}, {'type': 'PReLU'}).conv(Conv(3, 8, 3, act=True))
    within = Network()
    for backbone in (alone, within.backbone):
        load_weights(backbone, path, prefix='backbone.')
        assert np.array_equal(backbone.conv.weight.asnumpy(), saved.backbone.conv.weight.asnumpy())
    with pytest.raises(CheckpointError, match="no parameter whose name begins with 'neck.'"):
        load_weights(alone, path, prefix='neck.')


def test_missing_and_unknown_parameters_are_named(path):
    tensors = arrays(Network())
    tensors['fc.scale'] = tensors.pop('fc.bias')
    save_arrays(path, tensors)
    assert_not_loaded(path, r'1 missing \(fc.bias\); 1 unknown \(fc.scale\);')


def test_misshaped_parameters_are_named(path):
    save_weights(Network(channels=12), path)
    assert_not_loaded(
        path, r'6 misshaped \(backbone.conv.weight \(12, 3, 3, 3\) instead of \(8, 3, 3, 3\),.*, \.\.\.\)'
    )


def test_another_architecture_is_refused(path):
    save_weights(Network(norm='LN2d'), path)
    assert_not_loaded(path, r'missing \(backbone.bn.moving_mean.*2 unknown \(backbone.ln.beta, backbone.ln.gamma\)')


def test_half_precision_is_not_cast_in_silence(path):
    tensors = arrays(Network())
    tensors['fc.weight'] = tensors['fc.weight'].astype(np.float16)
    save_arrays(path, tensors)
    assert_not_loaded(path, r'1 of another type \(fc.weight float16 instead of float32\)')


@pytest.mark.parametrize('keep', [0, 0.5, 0.99])
def test_truncated_files_are_refused(path, keep):
    save_weights(Network(), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    assert_not_loaded(path, 'damaged|empty|does not fit')


def test_files_that_are_not_there_are_refused(path):
    assert_not_loaded(path, 'does not exist')


def test_files_of_pytorch_are_not_written(tmp_path):
    with pytest.raises(CheckpointError, match=r'saves \.ckpt and \.safetensors'):
        save_weights(Network(), tmp_path / 'weights.pth')


def test_saving_replaces_the_file_or_leaves_it(path, monkeypatch):
    save_weights(Network(), path)
    before = path.read_bytes()
    module = {'.ckpt': file_ckpt, '.safetensors': file_safetensors}[path.suffix]
    real = module.write

    def fail(*args):
        real(*args)
        raise OSError('disk full')

    monkeypatch.setattr(module, 'write', fail)
    with pytest.raises(CheckpointError, match='cannot be written: disk full'):
        save_weights(Network(), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    monkeypatch.undo()
    save_weights(Network(), path)
    assert path.read_bytes() != before


def test_saving_needs_a_folder(tmp_path):
    with pytest.raises(CheckpointError, match='the folder .* does not exist'):
        save_weights(Network(), tmp_path / 'none' / 'weights.ckpt')


def test_mixed_precision_saves_the_same_names(path):
    cell = Network()
    names = set(arrays(cell))
    mixed = ms.amp.auto_mixed_precision(cell, 'O2')
    save_weights(mixed, path)
    load_weights(mixed, path)
    plain = Network()
    load_weights(plain, path)
    assert set(arrays(plain)) == names
