import math

import numpy as np
import pytest

from shufflenet_zoo.equivalence.measurement import (
    Measurement,
    calibrated,
    largest_relative,
    relative,
    relative_l2,
)


def measured(difference, bound=1e-5):
    return Measurement('network', 'forward', 'case', 'stage2', difference, bound)


@pytest.mark.parametrize(
    ('difference', 'passed'), [(0.0, True), (1e-5, True), (1.1e-5, False), (math.inf, False), (math.nan, False)]
)
def test_a_difference_passes_up_to_its_bound_and_never_if_it_is_no_number(difference, passed):
    assert measured(difference).passed is passed


def test_a_bound_of_zero_admits_equality_alone():
    assert measured(0.0, 0.0).passed and not measured(1e-30, 0.0).passed
    assert measured(0.0, 0.0).part_of_bound == 0 and measured(1e-30, 0.0).part_of_bound == math.inf


def test_relative_differences_are_taken_from_the_largest_expected_value():
    expected = np.array([1.0, -100.0])
    assert relative(np.array([1.5, -100.0]), expected) == pytest.approx(0.005)
    assert relative_l2(np.array([1.0, -99.0]), expected) == pytest.approx(1 / math.hypot(1, 100))


def test_relative_differences_of_other_shapes_and_of_nan_exceed_every_bound():
    assert relative(np.zeros((2, 1)), np.zeros(2)) == math.inf
    assert not measured(relative(np.array([math.nan]), np.array([1.0]))).passed
    name = largest_relative({'a': np.array([math.nan]), 'b': np.array([9.0])}, {'a': np.ones(1), 'b': np.ones(1)})[1]
    assert name == 'a'


def test_a_scale_keeps_tiny_tensors_from_looking_different():
    assert relative(np.array([2e-9]), np.array([1e-9])) == 1
    assert relative(np.array([2e-9]), np.array([1e-9]), least_scale=1e-3) == pytest.approx(1e-6)


def test_bounds_follow_the_noise_floor_and_have_a_least_value():
    assert calibrated(1e-5, 1e-9) == 1e-5
    assert calibrated(1e-5, 1e-3) == pytest.approx(1e-2)
