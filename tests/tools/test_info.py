"""tools/model_info.py counts what a config's model has and does, at the size of its images."""

import pytest


def counts(line):
    """The parameters and multiply-adds of a row."""
    return [int(word.replace(',', '')) for word in line[41:].split()[:2]]


def row(output, name):
    return counts(next(line for line in output if line.startswith(f'{name} ')))


def test_a_classifier_at_its_own_size(call):
    status, output, errors = call('model_info', 'shufflenet_v1_g3')
    assert status == 0, errors
    assert output[0] == 'images of 16x16'
    assert row(output, 'total') == [914_338, 10_654_848]
    status, output, _ = call('model_info', 'shufflenet_v1_g3', '--size', 32, 32)
    assert output[0] == 'images of 32x32'


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        ('shufflenet-v2-1x_cifar10', '32x32'),
        ('shufflenet-v2-1x_in1k', '224x224'),
        ('shufflenet_v2_1.0x', '224x224'),
    ],
)
def test_sizes(name, size, call):
    assert call('model_info', name)[1][0] == f'images of {size}'


def test_a_config_without_data(call, tmp_path):
    (tmp_path / 'bare.py').write_text("model = dict(backbone=dict(type='shufflenet_zoo.ShuffleNetV2'))")
    assert call('model_info', 'bare.py')[1][0] == 'images of 224x224; the config does not say their size, --size does'


def test_a_detector_with_neck_and_head(call):
    """As the built model has them, and as mmengine counts the convolutions of its forward pass."""
    pytest.importorskip('mmcv._ext')
    import torch
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine.analysis import FlopAnalyzer

    from shufflenet_zoo.jobs.config import load_config

    name = 'retinanet-light_shufflenet-v2-1x_320_coco'
    status, output, errors = call('model_info', name)
    assert status == 0, errors
    assert output[0] == 'images of 320x320'
    register_all_modules()
    model = MODELS.build(load_config(name).model).eval()
    unused = sum(parameter.numel() for parameter in model.backbone.layers[3].parameters())
    parameters, multiply_adds = row(output, 'total')
    assert parameters + unused == sum(parameter.numel() for parameter in model.parameters())
    assert any(f'last_conv is built, with {unused:,} parameters, and not used' in line for line in output)
    analysis = FlopAnalyzer(model, (torch.zeros(1, 3, 320, 320),)).unsupported_ops_warnings(False)
    assert multiply_adds == analysis.by_operator()['conv']


def test_a_detector_of_two_stages(call):
    pytest.importorskip('mmcv._ext')
    status, output, errors = call('model_info', 'faster-rcnn_shufflenet-v2-0.5x_fpn_1x_coco')
    assert status == 0, errors
    assert output[0] == 'images of 800x1344'
    # 1000 proposals of 256 channels and 7x7 pixels, two layers of 1024 and the outputs for 80 classes and boxes.
    layers = 256 * 49 * 1024 + 1024 * 1024 + 1024 * (81 + 320)
    assert row(output, 'box head, 1000 proposals')[1] == 1000 * layers
