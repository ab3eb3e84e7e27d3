from dataclasses import replace

import numpy as np
import pytest

from shufflenet_zoo.equivalence import named_subjects
from shufflenet_zoo.equivalence.checks.training import check_smooth_gradients, smooth_subject, zero_gradients
from shufflenet_zoo.equivalence.signal import check_signal, draw_images, signal_weights
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.torch_network import TorchNetwork, tensor_shapes
from shufflenet_zoo.equivalence.trio import build_trio
from shufflenet_zoo.errors import CheckpointError

NAMES = ('shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x', 'shufflenet_v2_star_0.5x')


@pytest.fixture(scope='module', params=NAMES)
def subject(request):
    return named_subjects([request.param])[0]


def test_features_vary_in_every_stage_and_fit_float16(subject):
    network = TorchNetwork(subject, signal_weights(subject.plan, tensor_shapes(subject)))
    features = network.evaluate(draw_images((2, 3, 64, 64)))
    check_signal(subject.name, features)
    assert list(features) == list(subject.outputs)
    for feature in features.values():
        assert feature.std() > 0.1 * np.abs(feature).mean()
        assert np.abs(feature).max() < 65504


def test_weights_without_signal_are_refused():
    with pytest.raises(CheckpointError, match='stage2'):
        check_signal('network', {'stem': np.arange(4.0), 'stage2': np.ones(4)})
    with pytest.raises(CheckpointError, match='stem'):
        check_signal('network', {'stem': np.array([1.0, np.nan])})


def test_the_gradients_called_zero_are_those_that_are_zero_in_double_precision(subject):
    network = TorchNetwork(subject, signal_weights(subject.plan, tensor_shapes(subject)))
    gradients = network.differentiate(draw_images((4, 3, 64, 64)), np.arange(4)).gradients
    largest = max(np.abs(gradient).max() for gradient in gradients.values())
    vanishing = {name for name, gradient in gradients.items() if np.abs(gradient).max() < 1e-12 * largest}
    assert vanishing == zero_gradients(subject.plan)
    assert 16 <= len(vanishing) <= 48


def test_smooth_gradients_of_a_users_network_whose_activation_has_weights():
    subject = Subject('prelu', {'type': 'ShuffleNetV2', 'widen_factor': 0.5, 'act_cfg': {'type': 'PReLU'}})
    subject = replace(subject, tensors=signal_weights(subject.plan, tensor_shapes(subject)))
    outcome = check_smooth_gradients(build_trio(smooth_subject(subject), 'PyNative'))
    assert outcome.measurements and all(one.passed for one in outcome.measurements)
