"""The networks on a GPU: skipped where there is none."""

import pytest
import torch

from shufflenet_zoo.backbones import ShuffleNetV1, ShuffleNetV2, to_deploy

DEVICE = 'cuda'
NETWORKS = {'v1': (ShuffleNetV1, {'groups': 3}), 'v2': (ShuffleNetV2, {}), 'se': (ShuffleNetV2, {'se': True})}

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no CUDA device')


@pytest.fixture(params=NETWORKS)
def build(request):
    cls, arguments = NETWORKS[request.param]

    def build_network(**more):
        torch.manual_seed(0)
        network = cls(**arguments, **more)
        network.init_weights()
        return network

    return build_network


@pytest.fixture
def images():
    return torch.randn((4, 3, 224, 224), generator=torch.Generator().manual_seed(0))


def last(outputs):
    return outputs[-1].cpu().double()


@torch.no_grad()
def test_computes_what_the_cpu_computes(build, images):
    network = build().train()
    network(images)  # running statistics of its own
    network.eval()
    expected = last(network.double()(images.double()))
    network.float().to(DEVICE)
    images = images.to(DEVICE)
    found = {'as trained': network(images), 'deployed': to_deploy(network)(images)}
    with torch.autocast(DEVICE, torch.float16):
        found['float16'] = network(images)
    errors = {
        name: ((last(outputs) - expected).abs().max() / expected.abs().max()).item() for name, outputs in found.items()
    }
    # Convolutions may be computed in TF32.
    assert max(errors['as trained'], errors['deployed']) < 5e-4 and 0 < errors['float16'] < 1e-2, errors


@pytest.mark.filterwarnings('ignore')
def test_checkpointing_changes_no_bit(build, images):
    seen = []
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        for with_cp in (False, True):
            network = build(with_cp=with_cp).to(DEVICE).train()
            network(images.to(DEVICE))[-1].square().mean().backward()
            seen.append([parameter.grad for parameter in network.parameters()] + list(network.buffers()))
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


def test_mixed_precision_trains(build, images):
    network = build().to(DEVICE).train()
    optimizer, scaler = torch.optim.SGD(network.parameters(), 0.05), torch.amp.GradScaler(DEVICE)
    losses = []
    for _ in range(10):
        with torch.autocast(DEVICE, torch.float16):
            loss = network(images.to(DEVICE))[-1].square().mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
