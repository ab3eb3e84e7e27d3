"""Every error that a port could make must be noticed."""

import re

import pytest
from helpers.tiny_job import ROOT

from shufflenet_zoo.equivalence import MUTATIONS, get_mutation, named_subjects, verify
from shufflenet_zoo.equivalence.coverage import Case
from shufflenet_zoo.errors import ArgumentError

# The narrowest networks that shuffle.
V1, V2 = 'shufflenet_v1_g3_0.25x', 'shufflenet_v2_0.25x'
SMALL = (Case(64, 97, 1, 3, 'PyNative'),)
DOCUMENT = ROOT / 'docs' / 'equivalence.md'


def test_the_document_lists_every_mutation():
    assert set(re.findall(r'^\| `([a-z0-9-]+)` \|', DOCUMENT.read_text(), re.MULTILINE)) == set(MUTATIONS)


@pytest.mark.parametrize('name', [V1, pytest.param(V2, marks=pytest.mark.slow)])
def test_without_mutation_the_same_comparison_passes(name):
    found = verify(named_subjects([name]), ('weights', 'forward', 'training'), cases=SMALL)
    assert found.measurements and not found.exceeded


def _pairs():
    for name, family in ((V1, 'ShuffleNetV1'), (V2, 'ShuffleNetV2')):
        for mutation in MUTATIONS.values():
            if family in mutation.families:
                # What V1 shows of a step of training, V2 shows with the slow tests.
                again = (name, mutation.check) == (V2, 'training')
                yield pytest.param(name, mutation.name, marks=[pytest.mark.slow] if again else [])


@pytest.mark.parametrize(('name', 'mutation'), list(_pairs()))
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
