"""Exported files without a framework: images prepared as the pipelines of the configs do it, class names, refusals."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.tiny_job import ROOT
from PIL import Image

from shufflenet_zoo import deployed
from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.errors import DataError, DependencyError
from shufflenet_zoo.export.preparation import describe_steps

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
NEUTRAL = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
PIPELINES = {
    'imagenet': [dict(type='ResizeEdge', scale=256, edge='short'), dict(type='CenterCrop', crop_size=224)],
    'pillow': [
        dict(type='ResizeEdge', scale=72, edge='short', backend='pillow', interpolation='bicubic'),
        dict(type='CenterCrop', crop_size=(48, 64)),
    ],
    'crop': [dict(type='mmpretrain.CenterCrop', crop_size=32)],
    'whole': [dict(type='mmpretrain.ResizeEdge', scale=40)],
}


def picture(height: int, width: int) -> np.ndarray:
    """Return smooth colours and noise, uint8, red first."""
    generator = np.random.default_rng(height)
    coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height)) // 2 + generator.integers(0, 128, (height, width, 3), dtype=np.uint8)


def classifier(steps: list, logits=(0.0, 2.0, 1.0), **values) -> deployed.Classifier:
    said = describe_steps([NEUTRAL[0], *steps, NEUTRAL[1]], None) | {'dynamic': True}
    base = dict(mean=MEAN, std=STD, channel_order='rgb', input_size=(224, 224), class_names=('a', 'b', 'c'))
    metadata = Metadata(**(base | said | values))
    assert Metadata.from_texts(metadata.as_texts()) == metadata
    return deployed.Classifier(Loaded(lambda images: np.float32([logits])), metadata)


@pytest.mark.parametrize('size', [(300, 420), (257, 199), (60, 60)])
@pytest.mark.parametrize('name', PIPELINES)
def test_images_are_prepared_as_by_mmpretrain(name, size, tmp_path):
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import init_default_scope
    from mmpretrain.models import ClsDataPreprocessor

    init_default_scope('mmpretrain')
    image, path = picture(*size), tmp_path / 'image.png'
    cv2.imwrite(str(path), image[..., ::-1])
    packed = Compose([NEUTRAL[0], *PIPELINES[name], NEUTRAL[1]])({'img_path': str(path)})
    expected = ClsDataPreprocessor(mean=MEAN, std=STD, to_rgb=True)(pseudo_collate([packed]))['inputs'].numpy()
    model = classifier(PIPELINES[name])
    for given in (path, str(path), image, Image.fromarray(image)):
        np.testing.assert_allclose(model.prepare(given), expected, rtol=0, atol=1e-6)
    assert np.array_equal(
        classifier(PIPELINES[name], channel_order='bgr', mean=(0.0,) * 3, std=(1.0,) * 3).prepare(path),
        packed['inputs'][None].numpy().astype(np.float32),
    )


def test_the_most_probable_classes_by_name_or_number():
    image = picture(48, 48)
    scores = np.exp([2.0, 1.0, 0.0]) / np.exp([2.0, 1.0, 0.0]).sum()
    found = classifier([])(image)
    assert [one.label for one in found] == ['b', 'c', 'a']
    np.testing.assert_allclose([one.score for one in found], scores)
    assert [one.label for one in classifier([], class_names=())(image, top_k=2)] == ['1', '2']


@pytest.mark.parametrize(
    ('size', 'expected'),
    [((112, 112), (128, (112, 112))), ((224, 448), (512, (224, 448))), (None, (256, (224, 224)))],
)
def test_another_input_size_keeps_the_share_that_is_cut(size, expected):
    said = describe_steps(PIPELINES['imagenet'], size)
    assert (said['short_side'], said['crop_size']) == expected


@pytest.mark.parametrize(
    ('step', 'named'),
    [
        (dict(type='Resize', scale=64), 'Resize(scale=64)'),
        (dict(type='ResizeEdge', scale=64, edge='long'), "ResizeEdge(scale=64, edge='long')"),
        (dict(type='LoadImageFromFile', color_type='grayscale'), "LoadImageFromFile(color_type='grayscale')"),
    ],
)
def test_a_pipeline_of_other_steps_is_not_guessed(step, named):
    with pytest.raises(DataError, match='which is not known here') as caught:
        classifier([step]).prepare(picture(48, 48))
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ('image', 'words'),
    [
        ('/nowhere/image.png', 'does not exist'),
        (np.zeros((8, 8), np.uint8), 'uint8 of shape \\(8, 8\\)'),
        (np.zeros((8, 8, 3), np.float32), 'float32'),
        (picture(40, 60), '40x60 pixels .* takes 224x224 only'),
    ],
)
def test_images_that_do_not_fit(image, words):
    with pytest.raises(DataError, match=words):
        classifier([], dynamic=False)(image)


def test_files_that_cannot_be_loaded(tmp_path, monkeypatch):
    with pytest.raises(DataError, match='does not exist'):
        deployed.load(tmp_path / 'none.onnx')
    with pytest.raises(DataError, match=r'called otherwise .*\*\.onnx, \*\.xml'):
        deployed.load(tmp_path / 'model.pt2')
    damaged = tmp_path / 'damaged.onnx'
    damaged.write_bytes(b'no model')
    pytest.importorskip('onnxruntime')
    with pytest.raises(DataError, match=r'damaged\.onnx cannot be loaded'):
        deployed.load(damaged)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(DependencyError, match='pip install onnxruntime'):
        deployed.load(damaged)


def test_a_file_of_another_tool_is_named(tmp_path):
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Relu', ['x'], ['y'])], 'g', [value('x', 1, [1, 3])], [value('y', 1, [1, 3])]
    )
    path = tmp_path / 'other.onnx'
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 17)], ir_version=8), path)
    with pytest.raises(DataError, match="does not say 'mean'.*export it again"):
        deployed.load(path)


def test_import_is_quick_and_brings_no_framework():
    code = (
        'import sys, time; begin = time.process_time(); import shufflenet_zoo.deployed; '
        'print(time.process_time() - begin); '
        'print([name for name in ("torch", "mmengine", "mmcv", "mindspore", "onnxruntime") if name in sys.modules])'
    )
    # The quickest of three: the machine has other things to do.
    runs = [
        subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            '\n'
        )
        for _ in range(3)
    ]
    assert min(float(seconds) for seconds, *_ in runs) < 0.3
    assert runs[0][1] == '[]'
