"""Exported files made to do harm: refused in one line, with nothing run and memory bounded."""

import io
import json
import os
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers.refusals import assert_one_line, peak_memory

from shufflenet_zoo import deployed
from shufflenet_zoo.deployed.metadata import Metadata
from shufflenet_zoo.deployed.runtimes import RUNTIMES
from shufflenet_zoo.errors import CheckpointError, DataError, ExportError
from shufflenet_zoo.weights.files import read_content

METADATA = Metadata((0.0,) * 3, (1.0,) * 3, 'rgb', (8, 8), ('a', 'b'))
# What importing a runtime may take.
ALLOWED = 500 * 2**20


def refuse(path: Path, *words: str) -> None:
    before = peak_memory()
    with pytest.raises(DataError) as caught:
        deployed.load(path)
    assert_one_line(str(caught.value), str(path), *words)
    assert peak_memory() - before < ALLOWED


def write_onnx(path: Path, texts: dict[str, str], **external: str) -> None:
    """Write x + w, whose w lies in another file where its place is given."""
    onnx = pytest.importorskip('onnx')
    weight = onnx.TensorProto(name='w', data_type=1, dims=[4], raw_data=b'' if external else bytes(16))
    if external:
        weight.data_location = onnx.TensorProto.EXTERNAL
        for key, value in external.items():
            weight.external_data.add(key=key, value=value)
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Add', ['x', 'w'], ['y'])], 'g', [value('x', 1, [4])], [value('y', 1, [4])], [weight]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 17)], ir_version=8)
    onnx.helper.set_model_props(model, texts)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ('place', 'length'),
    [('{secret}', 16), ('../secret.bin', 16), ('link.bin', 16), ('own.bin', 2**62), ('/dev/zero', 16)],
)
def test_onnx_reads_no_file_outside_its_folder(place, length, tmp_path):
    pytest.importorskip('onnxruntime')
    secret, folder = tmp_path / 'secret.bin', tmp_path / 'model'
    folder.mkdir()
    for path in (secret, folder / 'own.bin'):
        path.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    (folder / 'link.bin').symlink_to(secret)
    write_onnx(folder / 'a.onnx', METADATA.as_texts(), location=place.format(secret=secret), length=str(length))
    refuse(folder / 'a.onnx', 'cannot be loaded', 'xternal')


@pytest.mark.parametrize(
    ('texts', 'told'),
    [
        ({'mean': 'x'}, 'Expecting value'),
        ({'mean': '"x"'}, "mean='x' must be numbers"),
        ({'std': '[0, 1, 1]'}, 'must be numbers other than 0'),
        ({'short_side': '1000000000'}, 'short_side=1000000000 must be a length of at most 16384'),
        ({'crop_size': '[1000000, 1000000]'}, 'crop_size=(1000000, 1000000) must be'),
        ({'class_names': '[1]'}, 'class_names=(1,) must be a list of texts'),
        ({'input_size': '[' * 100_000}, 'recursion'),
        (
            {'task': '"detection"', 'keep_ratio': '1', 'padding': '0', 'decoding': 'null'},
            'keep_ratio=1 must be true or false',
        ),
    ],
)
def test_metadata_says_nothing_but_its_kinds(texts, told, tmp_path):
    pytest.importorskip('onnxruntime')
    write_onnx(tmp_path / 'a.onnx', METADATA.as_texts() | texts)
    with pytest.raises(DataError) as caught:
        deployed.load(tmp_path / 'a.onnx')
    assert_one_line(str(caught.value), 'a.onnx', told)


NCNN = '7767517\n{layers} {blobs}\nInput images 0 1 images\nPooling logits 1 1 images logits 0=1 4=1\n'


def test_ncnn_gets_no_more_memory_than_its_file_has_layers(tmp_path):
    pytest.importorskip('ncnn')
    path = tmp_path / 'a.ncnn.param'
    path.with_suffix('.bin').write_bytes(b'')
    path.with_suffix('.json').write_text(json.dumps(METADATA.as_texts()))
    path.write_text(NCNN.format(layers=2, blobs=2))
    assert deployed.load(path).run(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 3)
    for layers, blobs in ((2**30, 2), (2, 2**30), (-1, 2), ('x', 2)):
        path.write_text(NCNN.format(layers=layers, blobs=blobs))
        refuse(path, 'not as many layers and blobs as it says')
    path.write_text(NCNN.format(layers=2, blobs=2))
    with path.with_suffix('.json').open('wb') as stream:
        stream.truncate(2**34)
    refuse(path, 'its metadata has more than')


OPENVINO = """<net name="a" version="11"><layers>
<layer id="0" name="w" type="Const" version="opset1">
<data element_type="f32" shape="{shape}" offset="{offset}" size="{size}"/>
<output><port id="0" precision="FP32"><dim>4</dim></port></output></layer>
<layer id="1" name="r" type="Result" version="opset1"><input><port id="0"><dim>4</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>"""


@pytest.mark.parametrize(
    ('shape', 'offset', 'size'),
    [('4', 2**40, 16), ('4', 0, 2**40), (str(2**38), 0, 2**40), ('4', 2**64 - 8, 16), (str(2**38), 0, 16)],
)
def test_openvino_takes_no_weights_that_are_not_in_its_file(shape, offset, size, tmp_path):
    pytest.importorskip('openvino')
    (tmp_path / 'a.xml').write_text(OPENVINO.format(shape=shape, offset=offset, size=size))
    (tmp_path / 'a.bin').write_bytes(bytes(16))
    refuse(tmp_path / 'a.xml')


@pytest.mark.parametrize('suffix', RUNTIMES)
def test_what_is_no_model_is_refused(suffix, tmp_path):
    pytest.importorskip(RUNTIMES[suffix].package.replace('-', '_'))
    for data in (b'', bytes(100), b'PK\x03\x04' + bytes(100), np.random.default_rng(0).bytes(1000)):
        (tmp_path / f'a{suffix}').write_bytes(data)
        refuse(tmp_path / f'a{suffix}')


class Hostile:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def test_programs_of_pytorch_are_not_loaded_unasked(tmp_path):
    """Their own readers unpickle what is in them."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmengine')
    from shufflenet_zoo.export import exporter

    mark, whole, path = tmp_path / 'ran', tmp_path / 'whole.pt2', tmp_path / 'a.pt2'
    torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.zeros(2),)), whole)
    hostile = io.BytesIO()
    torch.save(Hostile(f'touch {mark}'), hostile)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, 'w') as target:
        for name in source.namelist():
            target.writestr(name, hostile.getvalue() if 'sample_inputs' in name else source.read(name))
    torch.jit.script(torch.nn.ReLU()).save(tmp_path / 'a.torchscript')
    for name, suffix in (('torch-export', '.pt2'), ('torchscript', '.torchscript')):
        with pytest.raises(ExportError, match=f'of format {name} is a program'):
            exporter.load_file(name, tmp_path / f'a{suffix}')
        with pytest.raises(DataError, match='is called otherwise'):
            deployed.load(tmp_path / f'a{suffix}')
        with pytest.raises(CheckpointError, match=re.escape(f'a{suffix} is a') + '.*, which is code'):
            read_content(tmp_path / f'a{suffix}')
    assert not mark.exists()
    # Such a file does run code.
    with suppress(AssertionError, TypeError):  # the latter where newer PyTorch says so in its log, by a wrong format
        torch.export.load(path)
    assert mark.exists()
