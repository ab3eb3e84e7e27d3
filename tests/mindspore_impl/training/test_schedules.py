"""Learning rates against mmengine's own schedulers."""

import pytest

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.training.schedules import LearningRates

EPOCHS, EPOCH_LENGTH = 6, 5
BASES = (0.4, 0.04)

CONFIGS = {
    'none': None,
    'constant then poly, as mmpretrain': [
        dict(type='ConstantLR', factor=0.1, by_epoch=False, begin=0, end=7),
        dict(type='PolyLR', eta_min=0, by_epoch=False, begin=7),
    ],
    'warm-up then cosine by iteration': [
        dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
        dict(type='CosineAnnealingLR', eta_min=1e-3, by_epoch=True, begin=1, convert_to_iter_based=True),
    ],
    'warm-up to a factor': dict(type='LinearLR', start_factor=0.5, end_factor=0.1, end=4),
    'cosine by epoch': dict(type='CosineAnnealingLR', eta_min=0.01),
    'cosine with a ratio, risen again': dict(
        type='CosineAnnealingLR', T_max=3, eta_min_ratio=0.1, convert_to_iter_based=True
    ),
    'step': dict(type='StepLR', step_size=2, gamma=0.3),
    'step by iteration': dict(type='StepLR', step_size=2, convert_to_iter_based=True),
    'steps within a span': dict(type='StepLR', step_size=1, gamma=0.5, begin=2, end=5),
    'milestones': dict(type='MultiStepLR', milestones=[2, 4, 4], gamma=0.2),
    'milestones by iteration': dict(type='MultiStepLR', milestones=[1, 5], convert_to_iter_based=True),
    'exponential': dict(type='ExponentialLR', gamma=0.9),
    'poly of power 2': dict(type='PolyLR', power=2, eta_min=1e-4, begin=1),
    'one cycle': dict(type='OneCycleLR', eta_max=0.7, by_epoch=False),
    'one cycle, three linear phases': dict(
        type='OneCycleLR',
        eta_max=0.7,
        total_steps=EPOCHS,
        three_phase=True,
        anneal_strategy='linear',
        convert_to_iter_based=True,
    ),
    'one cycle before steps': [
        dict(type='OneCycleLR', eta_max=0.7, by_epoch=False),
        dict(type='CosineAnnealingLR', eta_min_ratio=0.1, begin=3),
    ],
}


def _mmengine_rates(config, epochs=EPOCHS, epoch_length=EPOCH_LENGTH):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmengine.optim')
    from mmengine.registry import PARAM_SCHEDULERS

    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in BASES]
    optimizer = torch.optim.SGD([dict(params=[w], lr=lr) for w, lr in zip(weights, BASES, strict=True)], lr=1.0)
    schedulers = []
    for item in [config] if isinstance(config, dict) else config or []:
        item = dict(item)
        item.setdefault('end', epochs if item.get('by_epoch', True) else epochs * epoch_length)
        schedulers.append(
            PARAM_SCHEDULERS.build(item, default_args=dict(optimizer=optimizer, epoch_length=epoch_length))
        )
    rates = []
    for iteration in range(epochs * epoch_length):
        rates.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch:
                scheduler.step()
        if (iteration + 1) % epoch_length == 0:
            for scheduler in schedulers:
                if scheduler.by_epoch:
                    scheduler.step()
    return rates


def _our_rates(config):
    rates = LearningRates(config, BASES, EPOCH_LENGTH, EPOCHS, EPOCHS * EPOCH_LENGTH)
    result = []
    for iteration in range(EPOCHS * EPOCH_LENGTH):
        result.append(list(rates.values))
        rates.step(by_epoch=False)
        if (iteration + 1) % EPOCH_LENGTH == 0:
            rates.step(by_epoch=True)
    return result


@pytest.mark.parametrize('name', CONFIGS)
def test_rates_equal_mmengines(name):
    assert _our_rates(CONFIGS[name]) == _mmengine_rates(CONFIGS[name])


def test_the_configs_differ():
    assert len({str(_our_rates(config)) for config in CONFIGS.values()}) == len(CONFIGS)


@pytest.mark.parametrize('name', CONFIGS)
def test_replaying_gives_the_rates_of_the_uninterrupted_training(name):
    uninterrupted = _our_rates(CONFIGS[name])
    for done in (0, 3, EPOCH_LENGTH, 2 * EPOCH_LENGTH + 1):
        rates = LearningRates(CONFIGS[name], BASES, EPOCH_LENGTH, EPOCHS, EPOCHS * EPOCH_LENGTH)
        rates.replay(done, EPOCH_LENGTH)
        assert rates.values == uninterrupted[done]


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='ReduceOnPlateauLR'), "param_scheduler.0.type='ReduceOnPlateauLR' is not supported"),
        (dict(type='CosineAnnealingMomentum'), 'param_scheduler.0.type'),
        (dict(type='StepLR', step_size=1, gama=0.1), 'param_scheduler.0.gama=0.1 is not supported'),
        (dict(type='StepLR'), 'param_scheduler.0: StepLR cannot be built'),
        (dict(type='LinearLR', start_factor=2), 'start_factor=2 must be between 0 and 1'),
        (dict(type='PolyLR', begin=9), 'must be larger than begin=9'),
        (dict(type='OneCycleLR', eta_max=1, total_steps=2), 'total_steps=2 must not be less'),
    ],
)
def test_what_cannot_be_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        LearningRates([config], BASES, EPOCH_LENGTH, EPOCHS, EPOCHS * EPOCH_LENGTH)


def test_schedules_by_epoch_are_refused_in_a_training_by_iterations():
    with pytest.raises(ConfigError, match='param_scheduler.0.by_epoch'):
        LearningRates([dict(type='StepLR', step_size=1)], BASES, EPOCH_LENGTH, None, 10)
