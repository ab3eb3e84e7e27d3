"""create_model in PyTorch and in MindSpore: one name, one weight file, one network."""

import mindspore as ms
import numpy as np
import pytest
import torch
from helpers.signal import carry_signal

from shufflenet_zoo import backbones, mindspore_impl
from shufflenet_zoo.weights import convert_file

IMAGES = np.random.default_rng(0).standard_normal((2, 3, 64, 96)).astype(np.float32)


@pytest.mark.parametrize('name', ['shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x', 'shufflenet_v2_megvii_0.5x'])
def test_logits_are_equal_with_converted_weights(name, tmp_path):
    model = carry_signal(backbones.create_model(name, num_classes=10)).eval()
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    backbone = model.backbone.architecture.reduced()
    convert_file(tmp_path / 'weights.pth', tmp_path / 'weights.ckpt', backbone=backbone)
    twin = mindspore_impl.create_model(name, num_classes=10, pretrained=tmp_path / 'weights.ckpt')
    with torch.no_grad():
        expected = model(torch.from_numpy(IMAGES)).numpy()
    found = twin.set_train(False)(ms.Tensor(IMAGES)).asnumpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 1e-2
