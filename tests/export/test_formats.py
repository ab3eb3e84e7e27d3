"""Every format computes what the live network computes, and holds its metadata."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.networks import STRUCTURES, V1, V2, build, images, slow_but
from helpers.refusals import assert_damage_is_refused
from helpers.signal import carry_signal
from torch import nn

from shufflenet_zoo.backbones import to_deploy
from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.deployed.seals import parts_of, seal
from shufflenet_zoo.errors import DependencyError, ExportError
from shufflenet_zoo.export import exporter, instruction_sets
from shufflenet_zoo.export.contract import Format, Shape, Source
from shufflenet_zoo.export.converters import run_converter
from shufflenet_zoo.export.forms import is_deploy_fastest

TASKS = Path('/proc/self/task')
METADATA = Metadata((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), 'rgb', (64, 64), ('cat', 'dog — "ß"'))
# The structures that differ in operators of ONNX: pools, strides and dilations, gates, splits.
OPERATORS = (
    'v1-g3',
    'v1-stride-8',
    'v1-same-pools',
    'v2-megvii',
    'v2-star',
    'v2-se-residual',
    'v2-50',
    'v2-ceil-pool',
    'v2-same-pool',
)
FEW = {'v1': V1, 'v2-megvii-se': STRUCTURES['v2-megvii'] | {'se': True}}


class Pooled(nn.Module):
    """A backbone's last output, pooled: the logits of these tests."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.backbone(x)[-1]
        return nn.functional.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)  # as mmpretrain's neck


def make_source(cfg: dict, deploy: bool = True) -> Source:
    backbone = carry_signal(build(cfg)).eval()
    live = Pooled(backbone).eval()

    def run(array: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return live(torch.from_numpy(array)).numpy()

    model = Pooled(to_deploy(backbone) if deploy else backbone).eval()
    return Source(model, run, cfg.get('in_channels', 3), backbone.plan.min_size, METADATA, 'torch')


def load_format(name: str) -> Format:
    try:
        return exporter.load_format(name)
    except DependencyError as error:
        pytest.skip(str(error))


def written(name: str, source: Source, tmp_path, precision: str = 'fp32', dynamic: bool = False) -> tuple:
    target = load_format(name)
    path = tmp_path / f'model{target.suffix}'
    shape = Shape(source.in_channels, (64, 64), dynamic, source.min_size)
    return path, exporter._write(source, shape, target, path, precision).difference


class Neck(Pooled):
    """Convolutions of a backbone's outputs, pooled, as a detector has them."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__(backbone)
        self.laterals = nn.ModuleList(nn.Conv2d(channels, 16, 1) for channels in backbone.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [lateral(x) for lateral, x in zip(self.laterals, self.backbone(x), strict=True)]
        return torch.cat([feature.mean((2, 3)) for feature in features], 1)


@pytest.mark.parametrize('by', ['torch', 'onnx'])
def test_openvino_computes_convolutions_of_the_deploy_forms_outputs(by, tmp_path):
    openvino = pytest.importorskip('openvino')
    backbone = carry_signal(build(dict(V2, out_indices=(0, 1, 2)))).eval()
    model, images = Neck(to_deploy(backbone)).eval().requires_grad_(False), torch.rand(1, 3, 64, 64)
    if by == 'onnx':  # as whoever has the file may read it
        torch.onnx.export(model, (images,), str(tmp_path / 'neck.onnx'), dynamo=False)
        converted = openvino.Core().read_model(str(tmp_path / 'neck.onnx'))
    else:
        converted = openvino.convert_model(model, example_input=images)
    found = openvino.Core().compile_model(converted, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})(images.numpy())[0]
    expected = model(images).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize('name', slow_but(STRUCTURES, OPERATORS))
def test_every_structure_in_onnx(name, tmp_path):
    # se-residual's gates amplify rounding (see test_deploy), still far below the tolerance.
    assert written('onnx', make_source(STRUCTURES[name]), tmp_path)[1] <= 1e-4


@pytest.mark.parametrize('cfg', FEW.values(), ids=FEW)
@pytest.mark.parametrize('name', ['openvino', 'torchscript', 'mnn'])
def test_any_batch_and_size(name, cfg, tmp_path):
    path, difference = written(name, make_source(cfg), tmp_path, dynamic=True)
    assert difference <= 1e-5
    loaded, metadata = exporter.load_file(name, path, trust=True)
    assert metadata == METADATA
    assert loaded.run(images(cfg, 96, 70, 5).numpy()).shape[0] == 5


@pytest.mark.skipif(not TASKS.is_dir(), reason='needs Linux, which lists the threads of a process')
@pytest.mark.parametrize('name', ['onnx', 'openvino', 'ncnn', 'mnn'])
def test_an_engine_computes_on_the_threads_it_is_given(name, tmp_path):
    path, _ = written(name, make_source(V2), tmp_path)
    code = (
        'import os, sys; from pathlib import Path; import numpy as np; '
        'from shufflenet_zoo.deployed.runtimes import runtime_of; path, threads, tasks = map(Path, sys.argv[1:]); '
        'loaded = runtime_of(path).load(path, int(threads.name)); loaded.run(np.zeros((1, 3, 64, 64), np.float32)); '
        'print(len(os.listdir(tasks)))'
    )
    command = [sys.executable, '-c', code, path]
    counts = [int(subprocess.check_output([*command, str(threads), TASKS])) for threads in (1, 2)]
    assert counts[1] - counts[0] == 1


def test_torch_export_of_any_batch_and_size(tmp_path):
    path, difference = written('torch-export', make_source(V2 | {'out_indices': (0,)}), tmp_path, dynamic=True)
    assert difference <= 1e-5
    assert exporter.load_file('torch-export', path, trust=True)[1] == METADATA


@pytest.mark.parametrize('deploy', [True, False], ids=['deploy', 'as-trained'])
@pytest.mark.parametrize('cfg', FEW.values(), ids=FEW)
def test_dynamic_onnx(cfg, deploy, tmp_path):
    path, difference = written('onnx', make_source(cfg, deploy), tmp_path, dynamic=True)
    assert difference <= 1e-5
    assert exporter.load_file('onnx', path)[1] == METADATA


@pytest.mark.parametrize('name', slow_but(['onnx', 'openvino', 'torchscript'], ['onnx', 'torchscript']))
def test_half_precision(name, tmp_path):
    sizes = {}
    for precision in ('fp32', 'fp16'):
        path, difference = written(name, make_source(V2), tmp_path, precision)
        sizes[precision] = sum(part.stat().st_size for part in parts_of(path))
    assert 1e-6 < difference <= 2e-2
    assert sizes['fp16'] < 0.65 * sizes['fp32']


# The structures that ncnn's converter meets other operators in.
@pytest.mark.parametrize(
    'name', slow_but(('v1-g3', 'v2-megvii', 'v2-star', 'v2-50', 'v2-ceil-pool'), ('v1-g3', 'v2-star'))
)
def test_one_size_in_ncnn(name, tmp_path):
    path, difference = written('ncnn', make_source(STRUCTURES[name]), tmp_path)
    assert difference <= 1e-5
    assert exporter.load_file('ncnn', path)[1] == METADATA
    text = path.read_text()
    assert ' images' in text and ' logits' in text and 'in0' not in text


def test_an_operator_that_ncnn_lacks_is_named_and_the_trained_form_has_none(tmp_path):
    load_format('ncnn')
    gated = STRUCTURES['v2-se-residual']
    with pytest.raises(ExportError, match='no operator torch.index_select; try --no-deploy'):
        written('ncnn', make_source(gated), tmp_path)
    assert written('ncnn', make_source(gated, deploy=False), tmp_path)[1] <= 1e-5


def test_what_a_converter_says_stays_out_of_the_terminal_but_in_the_error(tmp_path, capfd):
    written('mnn', make_source(V2), tmp_path)
    written('ncnn', make_source(V2), tmp_path)
    # pytest shows warnings by itself.
    assert capfd.readouterr() == ('', '')
    command = [sys.executable, '-c', 'print("no such operator"); raise SystemExit(3)']
    with pytest.raises(ExportError, match=r'pnnx failed \(exit status 3\): no such operator'):
        run_converter('pnnx', command, tmp_path / 'none')
    with pytest.raises(ExportError, match='exit status 0'):
        run_converter('pnnx', [sys.executable, '-c', ''], tmp_path / 'none')


# With the environments that make litert-env and make executorch-env build.
@pytest.mark.slow
@pytest.mark.parametrize('cfg', FEW.values(), ids=FEW)
@pytest.mark.parametrize('name', ['litert', 'executorch'])
def test_engines_in_environments_of_their_own(name, cfg, tmp_path):
    source = make_source(cfg)
    path, difference = written(name, source, tmp_path)
    assert difference <= 1e-5
    assert exporter.load_file(name, path)[1] == METADATA
    noise = np.random.default_rng(0).standard_normal((8, 1, 3, 64, 64), dtype=np.float32)
    small = path.with_name('int8' + path.suffix)
    load_format(name).quantize(path, small, list(noise))
    loaded, metadata = exporter.load_file(name, small)
    assert metadata == METADATA
    for image in noise:
        expected = source.run(image)
        assert 1e-3 < np.abs(loaded.run(image) - expected).max() / np.abs(expected).max() < 0.3
    # Last, since what is quantized takes the metadata over, and the command seals what it has written in the end.
    seal(path)
    assert_damage_is_refused(lambda: exporter.load_file(name, path), path)


def test_core_ml_is_written_and_read_again(tmp_path):
    format_coreml = pytest.importorskip('shufflenet_zoo.export.format_coreml')
    target = load_format('coreml')
    path = tmp_path / f'm{target.suffix}'
    source = make_source(V2 | {'out_indices': (0,)})
    exported = exporter._write(source, Shape(3, (64, 64)), target, path, 'fp16')
    assert exported.difference is None
    assert exporter.load_file('coreml', path)[1] == METADATA
    wide = Shape(3, (64, 96))
    target.write(source, wide, 'fp32', path)
    with pytest.raises(ExportError, match=r'"images": \[1, 3, 64, 96\]'):
        format_coreml._check_ends(path, {'images': [1, 3, 64, 64], 'logits': [1, 48]})


def test_without_deploy_form(tmp_path):
    assert written('onnx', make_source(V2, deploy=False), tmp_path)[1] <= 1e-5


def test_deploy_form_leaves_no_shuffle_of_v2_in_the_file_and_one_transposition_for_each_of_v1(tmp_path):
    import onnx

    nodes = [node.op_type for node in onnx.load(written('onnx', make_source(V2), tmp_path)[0]).graph.node]
    assert not {*nodes} & {'Transpose', 'BatchNormalization', 'Gather', 'Split'}
    assert nodes.count('Reshape') == 1  # the neck's
    nodes = [node.op_type for node in onnx.load(written('onnx', make_source(V1), tmp_path)[0]).graph.node]
    assert nodes.count('Transpose') == 16 and 'BatchNormalization' not in nodes


def test_onnx_files_hold_no_constants_among_the_nodes_but_shapes_and_the_names_of_modules(tmp_path):
    import onnx

    graph = onnx.load(written('onnx', make_source(V1, deploy=False), tmp_path)[0]).graph
    assert {node.op_type for node in graph.node} == {
        *('Conv', 'Relu', 'MaxPool', 'Reshape', 'Transpose', 'AveragePool', 'Concat', 'Add', 'GlobalAveragePool')
    }
    names = [node.name for node in graph.node]
    assert 'backbone.layers.0.1.depthwise_conv3x3_bn.conv.Conv' in names
    assert len({*names}) == len(names) and all(name.startswith('backbone.') for name in names[:-2])
    module = dict(make_source(V1, deploy=False).model.named_parameters())
    parameters = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    weights = [name for name in parameters if name.endswith('.weight')]
    assert len(weights) == 49 and all(parameters[name] == module[name].shape for name in weights)
    computed = {value.name: value.type.tensor_type.shape.dim for value in graph.value_info}
    assert computed.keys() == {name for node in graph.node for name in node.output} - {'logits'}
    assert all(side.dim_value for sides in computed.values() for side in sides)


@pytest.mark.parametrize('fault', [1 + 1e-3, float('nan')])
def test_a_wrong_file_is_caught(fault, tmp_path):
    source = make_source(V2)
    target = Format(
        '.x',
        ('fp32',),
        lambda *arguments: None,
        lambda path: Loaded(lambda x: source.run(x) * np.float32(fault), METADATA.as_texts()),
    )
    with pytest.raises(ExportError, match='differ by'):
        exporter._write(source, Shape(3, (64, 64)), target, tmp_path / 'model.x', 'fp32')


def test_lost_metadata_is_caught(tmp_path):
    source = make_source(V2)
    texts = METADATA.as_texts() | {'channel_order': '"bgr"'}
    target = Format('.x', ('fp32',), lambda *arguments: None, lambda path: Loaded(source.run, texts))
    with pytest.raises(ExportError, match='metadata'):
        exporter._write(source, Shape(3, (64, 64)), target, tmp_path / 'model.x', 'fp32')


def test_what_the_runtime_computes_by_default_is_checked_too(tmp_path):
    source = make_source(V2)

    def written_with(factor: float) -> exporter.Exported:
        def load(path):
            return Loaded(source.run, METADATA.as_texts(), ('bf16', lambda x: source.run(x) * np.float32(factor)))

        target = Format('.x', ('fp32',), lambda *arguments: None, load)
        return exporter._write(source, Shape(3, (64, 64)), target, tmp_path / 'model.x', 'fp32')

    exported = written_with(1.01)
    assert exported.difference == 0
    assert exported.default[0] == 'bf16' and exported.default[1] == pytest.approx(0.01, rel=1e-3)
    with pytest.raises(ExportError, match='in bf16: the logits differ by 1.0e-01'):
        written_with(1.1)


def test_an_int8_network_of_one_class_is_named_as_that(tmp_path):
    source = make_source(V2)

    def load(path):
        whole = path.name.startswith('fp32')
        return Loaded(source.run if whole else lambda x: np.eye(1, 10, 8, dtype=np.float32), METADATA.as_texts())

    target = Format('.x', ('fp32', 'int8'), lambda *arguments: None, load, lambda *arguments: None)
    noise = np.random.default_rng(0).standard_normal((8, 1, 3, 64, 64), dtype=np.float32) * 50
    assert len({source.run(image).argmax() for image in noise}) > 1
    with pytest.raises(ExportError, match='decides for class 8 on every image'):
        exporter._write_int8(source, Shape(3, (64, 64)), target, tmp_path / 'm.x', [], [(image, 0) for image in noise])
    # Right on this CPU, and of one class on a lesser one.
    right = replace(
        target,
        load=lambda path: Loaded(source.run, METADATA.as_texts()),
        run_in_instruction_sets=lambda path, images: {'AVX2': np.eye(1, 10, 8).repeat(len(images), 0)},
    )
    with pytest.raises(ExportError, match='class 8 on every image.* broken, in this engine under AVX2'):
        exporter._write_int8(source, Shape(3, (64, 64)), right, tmp_path / 'm.x', noise, [(noise[0], 0)])


@pytest.mark.slow
def test_openvino_computes_in_the_precision_that_a_file_asks_for(tmp_path):
    import openvino

    if 'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        pytest.skip('this CPU has no bfloat16')
    source = replace(make_source(V2), metadata=replace(METADATA, precision_hint='bf16'))
    path, given, logits = (tmp_path / name for name in ('m.xml', 'images.npz', 'logits.npy'))
    load_format('openvino').write(source, Shape(3, (64, 64)), 'fp32', path)
    noise = np.random.default_rng(0).standard_normal((1, 3, 64, 64), dtype=np.float32)
    np.savez(given, noise)
    # Held at an instruction set, as this process is, nothing is computed in bfloat16.
    free = {name: value for name, value in os.environ.items() if name != 'ONEDNN_MAX_CPU_ISA'}
    subprocess.run([sys.executable, '-c', instruction_sets.PROGRAM, path, given, logits], env=free, check=True)
    expected = source.run(noise)
    assert 1e-4 < np.abs(np.load(logits) - expected).max() / np.abs(expected).max() < 5e-2


def stored_types(node) -> set[str]:
    """Return the types of the constants that a node of OpenVINO is computed from."""
    if node.get_type_name() == 'Constant':
        return {node.get_element_type().to_string()}
    return set().union(*(stored_types(value.get_node()) for value in node.input_values()))


def test_grouped_convolutions_stay_in_float_in_openvino_and_all_others_are_quantized(tmp_path):
    import openvino

    path, _ = written('openvino', make_source(V1), tmp_path)
    small = tmp_path / 'int8.xml'
    noise = np.random.default_rng(0).standard_normal((4, 1, 3, 64, 64), dtype=np.float32)
    load_format('openvino').quantize(path, small, list(noise))
    found = load_format('openvino').run_in_instruction_sets(small, list(noise))
    assert list(found) == instruction_sets.offered()
    here = np.concatenate([exporter.load_file('openvino', small)[0].run(image) for image in noise])
    for logits in found.values():
        np.testing.assert_allclose(logits, here, atol=0.1 * np.abs(here).max())
    kinds = {'grouped': set(), 'depthwise': set(), 'other': set()}
    for node in openvino.Core().read_model(str(small)).get_ops():
        if node.get_type_name() in ('Convolution', 'GroupConvolution'):
            shape = list(node.input(1).get_shape())
            kind = 'other' if len(shape) == 4 else 'depthwise' if shape[1:3] == [1, 1] else 'grouped'
            kinds[kind].add('i8' in stored_types(node.input_value(1).get_node()))
    assert kinds == {'grouped': {False}, 'depthwise': {True}, 'other': {True}}


@pytest.mark.parametrize(
    ('file_format', 'backbone', 'deployed'),
    [
        ('ncnn', 'ShuffleNetV1', False),
        ('litert', 'ShuffleNetV2', True),
        ('openvino', 'ShuffleNetV1', False),
        ('openvino', 'ShuffleNetV2', True),
        ('onnx', 'ShuffleNetV1', True),
        ('mindir', 'ShuffleNetV1', True),
    ],
)
def test_the_form_is_the_fastest_one(file_format, backbone, deployed):
    assert is_deploy_fastest(file_format, backbone) == deployed
