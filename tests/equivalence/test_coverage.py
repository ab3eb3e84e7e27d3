import itertools

import pytest

from shufflenet_zoo.equivalence.coverage import CASES, cases_of, training_mode_of

FACTORS = {
    'size': {(224, 224), (225, 225), (97, 160)},
    'batch': {1, 4},
    'channels': {1, 3},
    'mode': {'Graph', 'PyNative'},
}


def factors(case):
    return {'size': (case.height, case.width), 'batch': case.batch, 'channels': case.channels, 'mode': case.mode}


@pytest.mark.parametrize(('first', 'second'), list(itertools.combinations(FACTORS, 2)))
def test_every_pair_of_values_occurs(first, second):
    found = {(factors(case)[first], factors(case)[second]) for case in CASES}
    assert found == set(itertools.product(FACTORS[first], FACTORS[second]))


@pytest.mark.parametrize('position', range(3))
def test_every_network_meets_every_value_and_two_neighbours_meet_every_pair(position):
    for factor, values in FACTORS.items():
        assert {factors(case)[factor] for case in cases_of(position)} == values
    assert {*cases_of(position), *cases_of(position + 1)} == set(CASES)
    assert {training_mode_of(position), training_mode_of(position + 1)} == FACTORS['mode']
