"""output_stride: dilation computes the ordinary network's outputs at more places."""

import pytest
import torch
from helpers.networks import V1, V2, build, images
from helpers.signal import carry_signal


@pytest.mark.parametrize(
    'cfg',
    [
        V1,
        V1 | {'groups': 8, 'shuffle_order': 'megvii'},
        V2,
        V2 | {'extra_depthwise': True},
        V2 | {'down_unit': 'keep'},
    ],
    ids=str,
)
@pytest.mark.parametrize('output_stride', [16, 8])
@pytest.mark.parametrize('size', [(64, 64), (97, 75)])
def test_every_nth_output_is_the_ordinary_networks(cfg, output_stride, size):
    ordinary = carry_signal(build(cfg)).double().eval()
    dilated = build(cfg, output_stride=output_stride).double().eval()
    dilated.load_state_dict(ordinary.state_dict())
    x = images(cfg, *size).double()
    step = 32 // output_stride
    with torch.no_grad():
        expected, feature = ordinary(x)[0], dilated(x)[0]
    assert feature.shape[2:] == tuple(-(-side // output_stride) for side in size)
    atol = 1e-10 * expected.abs().max().item()
    torch.testing.assert_close(feature[..., ::step, ::step], expected, rtol=1e-10, atol=atol)
