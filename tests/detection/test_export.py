"""tools/export.py with detectors: the file finds what mmdet finds; what cannot be exported yet is refused by name."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers.networks import slow_but
from helpers.tiny_job import ROOT
from torch import nn

from shufflenet_zoo import deployed
from shufflenet_zoo.data import digits, digits_detection
from shufflenet_zoo.errors import DependencyError
from shufflenet_zoo.export import comparison, exporter
from shufflenet_zoo.jobs.config import load_config, parse_overrides

FOLDER = ROOT / 'configs' / 'detection'
DIGITS = FOLDER / 'retinanet_shufflenet-v2-1x_digits.py'
# Narrow, without the classifier's weights.
TINY = (
    'model.backbone.init_cfg=None',
    'model.backbone.widen_factor=0.5',
    'model.neck.in_channels=[48,96,192]',
    'model.neck.out_channels=16',
    'model.bbox_head.in_channels=16',
    'model.bbox_head.feat_channels=16',
)


TWO_STAGES = FOLDER / 'faster-rcnn_shufflenet-v2-0.5x_fpn_1x_coco.py'
NARROW = (
    'model.neck.out_channels=16',
    'model.rpn_head.in_channels=16',
    'model.rpn_head.feat_channels=16',
    'model.roi_head.bbox_roi_extractor.out_channels=16',
    'model.roi_head.bbox_head.in_channels=16',
    'model.roi_head.bbox_head.fc_out_channels=32',
    'model.roi_head.bbox_head.num_classes=10',
)


def smooth(count: int) -> torch.Tensor:
    """Return normalised pictures of random colours that flow into each other."""
    return nn.functional.interpolate((torch.rand(count, 3, 8, 8) * 255 - 120) / 70, (256, 256), mode='bilinear')


def write_weights(path, config, spread: float):
    """Write seeded weights whose scores spread over the threshold; BatchNorms have statistics of smooth pictures."""
    from shufflenet_zoo.openmmlab.predictor import build_model

    torch.manual_seed(0)
    model = build_model(config)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train().bbox_head(model.extract_feat(smooth(4)))
        levels = model.eval().bbox_head(model.extract_feat(smooth(2)))[0]
        for name, weights in model.bbox_head.named_parameters():
            # Random boxes would be many times as large as the pictures, and rounding with them.
            if '_reg.' in name:
                weights *= 0.01
            # The kernels of the last convolutions, whose outputs are the scores.
            elif weights.dim() == 4 and weights.size(0) % model.bbox_head.cls_out_channels == 0:
                weights *= spread / torch.cat([level.flatten() for level in levels]).std()
    torch.save(model.state_dict(), path)
    return path


def write_two_stage_weights(path):
    """Write seeded weights of a narrow Faster R-CNN, whose proposals and boxes spread."""
    from shufflenet_zoo.openmmlab.predictor import build_model

    torch.manual_seed(0)
    model = build_model(load_config(TWO_STAGES, parse_overrides(NARROW)))
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    head = model.roi_head.bbox_head
    with torch.no_grad():
        model.train().extract_feat(smooth(4))
        features = model.eval().extract_feat(smooth(2))
        model.rpn_head.rpn_cls.weight /= torch.cat([level.flatten() for level in model.rpn_head(features)[0]]).std()
        model.rpn_head.rpn_reg.weight *= 0.3
        proposals = torch.tensor(
            [[0, 10.0, 10, 100, 120], [0, 60, 30, 200, 90], [1, 5, 5, 70, 60], [1, 9, 9, 250, 250]]
        )
        scores, codes = head(model.roi_head.bbox_roi_extractor(features[:4], proposals))
        head.fc_cls.weight *= 2 / scores.std()
        head.fc_reg.weight *= 0.3 / codes.std()
    torch.save(model.state_dict(), path)
    return path


def load_format(name: str):
    try:
        return exporter.load_format(name)
    except DependencyError as error:
        pytest.skip(str(error))


def export_tiny(call, folder, name='onnx', *options):
    checkpoint = write_weights(folder / 'tiny.pth', load_config(DIGITS, parse_overrides(TINY)), spread=1.0)
    out = folder / f'tiny{load_format(name).suffix}'
    command = ('export', DIGITS, checkpoint, '--format', name, '--input-size', 128, 128, '--out', out)
    return out, checkpoint, call(*command, *options, '--cfg-options', *TINY)


# LiteRT needs the environment that make litert-env builds.
@pytest.mark.parametrize('name', slow_but(('onnx', 'openvino', 'ncnn', 'mnn', 'litert'), ('onnx', 'ncnn')))
def test_a_retinanet_finds_what_mmdet_finds_in_every_engine(call, tmp_path, monkeypatch, name):
    load_format(name)
    monkeypatch.chdir(tmp_path)
    out, checkpoint, (status, output, errors) = export_tiny(call, tmp_path, name)
    assert status == 0, errors
    assert output[-1] == f'written: {out}'
    deployed_form = name in ('onnx', 'openvino', 'mnn')
    assert output[0] == f'form: {"the deploy form" if deployed_form else "as trained, which suits this format better"}'
    assert int(output[1].split()[-2]) > 20 and output[1].endswith('boxes')
    model = deployed.load(out)
    said = model.metadata
    assert (said.mean, said.std, said.channel_order) == ((78,) * 3, (96,) * 3, 'bgr')
    assert (said.input_size, said.class_names, said.keep_ratio) == ((128, 128), digits.CLASSES, True)
    # As mmdet prepares and predicts a picture of the file's proportions, in the picture's pixels.
    picture = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'picture.png'), cv2.resize(picture, (192, 192)))
    assert_like_mmdet(model, tmp_path / 'picture.png', checkpoint, (128, 128))
    # Filled up at the right: nothing is found outside of the picture.
    found = model(np.ascontiguousarray(cv2.resize(picture, (60, 120))))
    assert found and all(
        0 <= side <= limit for one in found for side, limit in zip(one.box, (60, 120) * 2, strict=True)
    )
    # A picture without a box.
    assert model.run(np.full((1, 3, 128, 128), 1e9, np.float32))[0].shape[1] == 4
    assert (model.metadata.decoding is None) == (name in ('onnx', 'openvino'))


def assert_like_mmdet(model, path, checkpoint, scale):
    from shufflenet_zoo.jobs.backends import PredictOptions
    from shufflenet_zoo.openmmlab.predictor import predict

    config = load_config(DIGITS, parse_overrides(TINY))
    config.test_dataloader.dataset.pipeline[1].scale = scale
    (expected,) = predict(config, str(checkpoint), [str(path)], PredictOptions(device='cpu', score_threshold=0.0))
    found = model(path)
    assert len(found) > 10
    last = max(expected.findings[-1].score, found[-1].score) + 1e-4
    for one in (one for one in expected.findings if one.score > last):
        assert any(
            one.label == other.label
            and abs(one.score - other.score) < 1e-4
            and np.allclose(one.box, other.box, rtol=0, atol=2e-3)
            for other in found
        )


@pytest.mark.parametrize('name', slow_but(('onnx', 'openvino'), ('onnx',)))
def test_a_faster_rcnn_finds_what_mmdet_finds(call, tmp_path, monkeypatch, name):
    out = tmp_path / f'two{load_format(name).suffix}'
    monkeypatch.chdir(tmp_path)
    checkpoint = write_two_stage_weights(tmp_path / 'two.pth')
    size = ('--input-size', 128, 96)
    command = ('export', TWO_STAGES, checkpoint, '--format', name, *size, '--out', out)
    status, output, errors = call(*command, '--cfg-options', *NARROW)
    assert status == 0, errors
    assert int(output[1].split()[-2]) > 100
    model = deployed.load(out)
    assert model.metadata.decoding is None and model.metadata.input_size == (128, 96)
    assert model(np.random.default_rng(1).integers(0, 256, (64, 48, 3), dtype=np.uint8))
    assert model.run(np.zeros((1, 3, 128, 96), np.float32))[0].shape[1] == 4


def is_int8(node) -> bool:
    """Whether a node of OpenVINO computes with weights that are stored as int8."""
    weights, types = [node.input_value(1).get_node()], set()
    while weights:
        node = weights.pop()
        types.add(node.get_element_type().to_string() if node.get_type_name() == 'Constant' else '')
        weights += [value.get_node() for value in node.input_values()]
    return 'i8' in types


@pytest.mark.slow
@pytest.mark.parametrize('options', [(), ('--float-ends',)], ids=['all', 'but-the-ends'])
def test_a_detector_in_int8(call, tmp_path, monkeypatch, options):
    openvino = pytest.importorskip('openvino')
    pytest.importorskip('nncf')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digits_detection, 'PICTURES', {'train': 4, 'val': 4})
    # The mAP of random weights says nothing about int8; tests/export/test_int8.py has what is refused.
    monkeypatch.setattr(exporter, 'MIN_MAP', 0.0)
    monkeypatch.setattr(exporter, 'MIN_AGREEMENT', 0.0)
    out, _, (status, output, errors) = export_tiny(call, tmp_path, 'openvino', '--int8', '--calibration', 4, *options)
    assert status == 0, errors
    assert any(line.startswith('mAP on the test data: 0.') for line in output)
    nodes = openvino.Core().read_model(str(out)).get_ordered_ops()
    kinds = [is_int8(node) for node in nodes if node.get_type_name() in ('Convolution', 'GroupConvolution')]
    # The stem, and the last convolutions of classes and boxes at three levels.
    assert kinds.count(False) == (7 if options else 0) and kinds.count(True) > 40
    assert deployed.load(out).run(np.zeros((1, 3, 128, 128), np.float32))[0].shape[1] == 4


def test_a_file_that_finds_something_else_is_not_left(call, tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime')
    monkeypatch.setattr(comparison, 'BOX_TOLERANCE', 0.0)
    monkeypatch.chdir(tmp_path)
    out, _, (status, _, errors) = export_tiny(call, tmp_path)
    assert status == 2 and not out.exists()
    (line,) = errors
    assert 'tiny.onnx computes something else than the live model' in line and 'alone finds a box of class' in line


@pytest.mark.parametrize(
    ('config', 'options', 'words'),
    [
        (DIGITS, ('--format', 'torchscript'), ('--format torchscript cannot hold a detector', '--format onnx')),
        (DIGITS, ('--format', 'onnx', '--dynamic'), ('--dynamic', 'one image of one size')),
        (DIGITS, ('--format', 'onnx', '--fp16'), ('--fp16', 'fp32 only')),
        (DIGITS, ('--format', 'onnx', '--int8', '--calibration', 4), ('--int8', 'fp32 only', '--format openvino')),
        (DIGITS, ('--format', 'onnx', '--float-ends'), ('--float-ends', 'detectors in int8')),
        (DIGITS, ('--format', 'onnx', '--backend', 'mindspore'), ('detector', '--backend torch')),
        (TWO_STAGES, ('--format', 'ncnn'), ('--format ncnn', 'two stages (FasterRCNN)', '--format onnx')),
    ],
)
def test_what_cannot_be_exported(refused, tmp_path, config, options, words):
    torch.save({}, tmp_path / 'any.pth')
    pytest.importorskip('onnxruntime')
    pytest.importorskip('ncnn')
    refused('export', config, tmp_path / 'any.pth', *options, words=words)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('model.test_cfg.nms.type=soft_nms',), ("'soft_nms'", 'nms_pre')),
        (('test_dataloader.dataset.pipeline.1.scale=(320,256)',), ('--input-size HEIGHT WIDTH',)),
        (('test_dataloader.dataset.pipeline.1.scale=(250,250)',), ('250x250', 'multiples of 32')),
        (('test_dataloader.dataset.pipeline.1.type=RandomFlip',), ('RandomFlip', 'Resize, and Pad to a size')),
    ],
)
def test_settings_that_a_file_does_not_know(refused, tmp_path_factory, options, words):
    pytest.importorskip('onnxruntime')
    folder = tmp_path_factory.mktemp('weights')
    checkpoint = write_weights(folder / 'tiny.pth', load_config(DIGITS, parse_overrides(TINY)), spread=1.0)
    refused('export', DIGITS, checkpoint, '--format', 'onnx', '--cfg-options', *TINY, *options, words=words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'spread', 'engine'),
    [
        ('retinanet-light_shufflenet-v2-1x_320_coco.py', 1.0, 'onnx'),
        # Their random scores have outliers, and rounding with them.
        ('rtmdet-tiny_shufflenet-v2-1x_640_coco.py', 0.05, 'onnx'),
        ('rtmdet-tiny_shufflenet-v2-1x_640_coco.py', 0.05, 'ncnn'),
        ('rtmdet-tiny_shufflenet-v2-1x_640_coco.py', 0.05, 'mnn'),
        # Two boxes that overlap score within rounding of each other.
        ('ssdlite_shufflenet-v2-1x_320_coco.py', 0.3, 'openvino'),
        ('ssdlite_shufflenet-v2-1x_320_coco.py', 0.3, 'mnn'),
    ],
)
def test_every_light_detector(call, tmp_path, monkeypatch, name, spread, engine):
    out = f'any{load_format(engine).suffix}'
    monkeypatch.chdir(tmp_path)
    checkpoint = write_weights(tmp_path / 'any.pth', load_config(FOLDER / name), spread)
    size = ('--input-size', 320, 320)
    status, output, errors = call('export', FOLDER / name, checkpoint, '--format', engine, *size, '--out', out)
    assert status == 0, errors
    assert int(output[1].split()[-2]) > 50
    picture = np.random.default_rng(1).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    model = deployed.load(out)
    assert {one.label for one in model(picture)} <= set(model.metadata.class_names)


class Knowing(deployed.Detector):
    """A detector that has seen the annotations: it finds the boxes of a split, one picture after the other."""

    def __init__(self, root, wrong: int) -> None:
        content = json.loads((root / digits_detection.annotation_file('val')).read_text())
        self.wrong, self.left = wrong, iter(content['images'])
        self.annotations = content['annotations']

    def find(self, image):
        number = next(self.left)['id']
        here = [one for one in self.annotations if one['image_id'] == number]
        boxes = np.float32([one['bbox'] for one in here])
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([one['category_id'] - 1 for one in here])
        if number <= self.wrong:
            labels = (labels + 1) % 10
        return boxes, np.full(len(here), 0.9, np.float32), labels


def test_the_test_tool_measures_an_exported_detector(call, tmp_path, monkeypatch):
    monkeypatch.setattr(digits_detection, 'PICTURES', {'train': 1, 'val': 6})
    root = digits_detection.ensure(tmp_path / 'data' / 'digits_detection')
    found = {}
    for wrong in (0, 3):
        monkeypatch.setattr(deployed, 'load', lambda path, wrong=wrong: Knowing(root, wrong))
        status, output, errors = call('test', DIGITS, 'digits.onnx')
        assert status == 0, errors
        found[wrong] = dict(line.split(': ') for line in output)
    assert found[0]['coco/bbox_mAP'] == '1.0000' and 0.1 < float(found[3]['coco/bbox_mAP']) < 0.9


def test_what_the_test_tool_does_not_do_with_exported_files(call, refused):
    refused('test', DIGITS, 'none.onnx', words=('none.onnx does not exist',))
    status, _, errors = call('test', DIGITS, 'any.onnx', '--amp')
    assert status == 2 and errors[-1].endswith('--amp is for checkpoints; any.onnx is an exported file')
