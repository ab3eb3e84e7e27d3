"""Update rules and parameter groups against torch and mmengine."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.training.optimizers import build_optimizer

STEPS = 4
CONFIGS = {
    'sgd': dict(optimizer=dict(type='SGD', lr=0.1)),
    'sgd with momentum and decay': dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.05)),
    'sgd with nesterov': dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True)),
    'sgd with dampening': dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, dampening=0.5)),
    'sgd, no decay of norms': dict(
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.5), paramwise_cfg=dict(norm_decay_mult=0)
    ),
    'sgd, no decay of biases': dict(
        optimizer=dict(type='SGD', lr=0.1, weight_decay=0.5), paramwise_cfg=dict(bias_decay_mult=0, bias_lr_mult=2)
    ),
    'sgd, depthwise and flat': dict(
        optimizer=dict(type='SGD', lr=0.1, weight_decay=0.5),
        paramwise_cfg=dict(dwconv_decay_mult=0.1, flat_decay_mult=0.2),
    ),
    'adamw': dict(optimizer=dict(type='AdamW', lr=0.01)),
    'adamw with betas and amsgrad': dict(
        optimizer=dict(type='AdamW', lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.3, amsgrad=True)
    ),
    'adamw, custom keys': dict(
        optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.3),
        paramwise_cfg=dict(
            custom_keys={
                'bn': dict(lr_mult=0.1),
                'bn.weight': dict(decay_mult=0),
                'fc': dict(lr_mult=3, decay_mult=0.5),
            }
        ),
    ),
}


class Net(nn.Cell):
    """A convolution, a depthwise one, a BatchNorm and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1, has_bias=True)
        self.depthwise = nn.Conv2d(4, 4, 3, group=4, pad_mode='pad', padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Dense(4, 2)


TORCH_NAMES = {'bn.gamma': 'bn.weight', 'bn.beta': 'bn.bias'}


def _random(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _torch_net():
    torch = pytest.importorskip('torch')
    net = torch.nn.Module()
    net.conv = torch.nn.Conv2d(4, 4, 1)
    net.depthwise = torch.nn.Conv2d(4, 4, 3, groups=4, padding=1, bias=False)
    net.bn = torch.nn.BatchNorm2d(4)
    net.fc = torch.nn.Linear(4, 2)
    return net


@pytest.fixture(params=[ms.GRAPH_MODE, ms.PYNATIVE_MODE], ids=['graph', 'pynative'])
def mode(request):
    before = ms.get_context('mode')
    ms.set_context(mode=request.param)
    yield
    ms.set_context(mode=before)


@pytest.mark.usefixtures('mode')
@pytest.mark.parametrize('name', CONFIGS)
def test_updates_equal_torchs(name):
    torch = pytest.importorskip('torch')
    from mmengine.optim import build_optim_wrapper

    config = CONFIGS[name]
    ours, theirs = Net(), _torch_net()
    parameters = {TORCH_NAMES.get(p.name, p.name): p for p in ours.trainable_params()}
    assert parameters.keys() == dict(theirs.named_parameters()).keys()
    for index, (key, parameter) in enumerate(theirs.named_parameters()):
        value = _random(index, parameter.shape)
        parameter.data.copy_(torch.from_numpy(value))
        parameters[key].set_data(Tensor(value))
    optimizer = build_optimizer(ours, config)
    wrapper = build_optim_wrapper(theirs, dict(type='OptimWrapper', **config))
    names = {id(p): TORCH_NAMES.get(p.name, p.name) for p in optimizer.parameters}
    for step in range(STEPS):
        factor = 1 / (step + 1)
        optimizer.set_lrs([lr * factor for lr in optimizer.base_lrs])
        for group in wrapper.optimizer.param_groups:
            group['lr'] = group.setdefault('initial_lr', group['lr']) * factor
        gradients = {key: _random(100 * step + i, p.shape) for i, (key, p) in enumerate(theirs.named_parameters())}
        for key, parameter in theirs.named_parameters():
            parameter.grad = torch.from_numpy(gradients[key])
        wrapper.optimizer.step()
        optimizer.step([Tensor(gradients[names[id(p)]]) for p in optimizer.parameters])
        for key, parameter in theirs.named_parameters():
            np.testing.assert_allclose(parameters[key].asnumpy(), parameter.detach().numpy(), rtol=0, atol=2e-6)


def test_gamma_and_beta_decay_unless_the_config_says_otherwise():
    # MindSpore's own nn optimizers leave them out unasked.
    for rules, decays in ((None, True), (dict(norm_decay_mult=0), False)):
        net = Net()
        config = dict(optimizer=dict(type='SGD', lr=0.1, weight_decay=0.5), paramwise_cfg=rules)
        optimizer = build_optimizer(net, config)
        optimizer.set_lrs(optimizer.base_lrs)
        optimizer.step([Tensor(np.zeros(p.shape, np.float32)) for p in optimizer.parameters])
        assert np.allclose(net.bn.gamma.asnumpy(), 0.95 if decays else 1.0)


def test_frozen_parameters_are_left_out():
    net = Net()
    net.conv.weight.requires_grad = False
    optimizer = build_optimizer(net, CONFIGS['sgd'])
    assert 'conv.weight' not in [p.name for p in optimizer.parameters]


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(optimizer=dict(type='Lamb', lr=1)), "optim_wrapper.optimizer.type='Lamb' is not supported"),
        (dict(optimizer=dict(type='SGD', lr=1, momentun=0.9)), 'optim_wrapper.optimizer.momentun=0.9 is not supported'),
        (dict(optimizer=dict(type='SGD', lr='fast')), "optim_wrapper.optimizer.lr='fast'"),
        (dict(optimizer=dict(type='SGD', lr=1, nesterov=True)), 'optim_wrapper.optimizer: SGD cannot be built'),
        (
            dict(optimizer=dict(type='SGD', lr=1), paramwise_cfg=dict(dcn_offset_lr_mult=0.1)),
            'optim_wrapper.paramwise_cfg.dcn_offset_lr_mult=0.1 is not supported',
        ),
        (
            dict(optimizer=dict(type='SGD', lr=1), paramwise_cfg=dict(custom_keys={'fc': dict(momentum=0)})),
            'optim_wrapper.paramwise_cfg.custom_keys.fc.momentum=0 is not supported',
        ),
    ],
)
def test_what_cannot_be_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        build_optimizer(Net(), config)
