"""Every error that a port could make must be noticed."""

import pytest

from shufflenet_zoo.equivalence import MUTATIONS, get_mutation, named_subjects, verify
from shufflenet_zoo.equivalence.coverage import Case
from shufflenet_zoo.errors import ArgumentError

# The narrowest networks that shuffle.
V1, V2 = 'shufflenet_v1_g3_0.25x', 'shufflenet_v2_0.25x'
SMALL = (Case(64, 97, 1, 3, 'PyNative'),)
REQUIRED = {
    'other-shuffle-order',
    'same-padded-pool',
    'count-include-pad-off',
    'eps-1e-3',
    'momentum-uninverted',
    'swapped-depthwise-channel',
    'dropped-key',
    'biased-variance',
}


def test_all_required_mutations_are_there():
    assert set(MUTATIONS) == REQUIRED


@pytest.mark.parametrize('name', [V1, V2])
def test_without_mutation_the_same_comparison_passes(name):
    found = verify(named_subjects([name]), ('weights', 'forward', 'training'), cases=SMALL)
    assert found.measurements and not found.exceeded


@pytest.mark.parametrize(
    ('name', 'mutation'),
    [
        (name, mutation)
        for name in (V1, V2)
        for mutation in sorted(REQUIRED)
        if (name, mutation) != (V2, 'count-include-pad-off')
    ],
)
def test_every_mutation_makes_the_comparison_fail(name, mutation):
    subjects = named_subjects([name])
    chosen = get_mutation(mutation, subjects)
    found = verify(subjects, (chosen.check,), mutation, cases=SMALL)
    assert found.exceeded
    # By far: not because a bound happens to be tight.
    assert max(one.part_of_bound for one in found.exceeded) > 3


def test_a_mutation_of_what_a_network_does_not_have_is_refused():
    with pytest.raises(ArgumentError, match='nothing that the mutation'):
        get_mutation('count-include-pad-off', named_subjects([V2]))
    with pytest.raises(ArgumentError, match='no mutation'):
        get_mutation('none-such', [])
