"""Forward and backward pass in training mode: features, BatchNorm's statistics, gradients."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from shufflenet_zoo.arch import Plan
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome, calibrated, compare_tensors, relative
from shufflenet_zoo.equivalence.signal import draw_images
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.training_pass import TrainingPass
from shufflenet_zoo.equivalence.trio import Trio

TRAINING_BOUND = 1e-5
STATISTICS_BOUND = 1e-5
# An activation within rounding of ReLU's kink falls on either side of it, and changes all gradients before it by its
# share in the batch, a few thousandths. What computes a gradient wrongly changes it by its own size.
GRADIENT_BOUND = 1e-2
SMOOTH_GRADIENT_BOUND = 1e-4
# Gradients are compared relative to their tensor's largest, but at least to this part of the largest of all.
_LEAST_SCALE = 1e-3
# What is analytically zero may be this part of the largest of all gradients.
ZERO_BOUND = 1e-5
# Batches to choose the quietest from. One with a gradient beyond its bound may have such an activation in MindSpore
# alone, so that the next one is tried; an error shows in every batch.
BATCHES = 4
_BATCH_SIZE = 8
# Times the stem's stride: 96 pixels with the usual stem.
_SIZE_PER_STRIDE = 24


def draw_batch(subject: Subject, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images and labels for one iteration."""
    plan = subject.plan
    size = _SIZE_PER_STRIDE * plan.stem.stride
    labels = np.random.default_rng(seed).integers(0, subject.num_classes, _BATCH_SIZE)
    return draw_images((_BATCH_SIZE, plan.in_channels, size, size), seed), labels


@dataclass(frozen=True)
class _Reference:
    """What PyTorch computes from one batch, in double and in single precision.

    Attributes:
        number: Number of the batch, from 1.
        images: The images.
        labels: Their classes.
        passes: Loss, features and gradients in both precisions.
        statistics: BatchNorm's statistics afterwards.
        floors: Differences of the gradients between the precisions, by name.
    """

    number: int
    images: np.ndarray
    labels: np.ndarray
    passes: tuple[TrainingPass, TrainingPass]
    statistics: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
    floors: dict[str, float]

    @property
    def noise(self) -> float:
        """The largest of the floors."""
        return max(self.floors.values())


def check_training(trio: Trio) -> Outcome:
    """Compare one iteration: loss, features, BatchNorm's statistics after it, and all gradients."""
    noises: dict[int, float] = {}
    for seed in range(BATCHES):
        noises[seed] = _run_reference(trio, seed).noise
        if calibrated(GRADIENT_BOUND, noises[seed]) == GRADIENT_BOUND:
            break
    for seed in sorted(noises, key=noises.__getitem__):
        # Computed again: the gradients of all batches would need gigabytes in the deepest networks.
        reference = _run_reference(trio, seed)
        trio.mindspore.load(trio.tensors)
        actual = trio.mindspore.differentiate(reference.images, reference.labels)
        case = f'{"x".join(map(str, reference.images.shape))} {trio.mindspore.mode}, batch {reference.number}'
        gradients = _compare_gradients(trio.subject, case, reference, actual)
        if all(found.passed for found in gradients):
            break
    name, (exact, single) = trio.subject.name, reference.passes
    losses = ({'loss': np.array(found.loss)} for found in (exact, single, actual))
    training = partial(calibrated, TRAINING_BOUND)
    measurements = [
        *compare_tensors(name, 'training', case, training, *losses),
        *compare_tensors(name, 'training', case, training, exact.features, single.features, actual.features),
        *compare_tensors(
            name,
            'statistics',
            case,
            partial(calibrated, STATISTICS_BOUND),
            *reference.statistics,
            _statistics(trio.mindspore.tensors()),
        ),
    ]
    return Outcome((*measurements, *gradients))


def smooth_subject(subject: Subject) -> Subject:
    """Return the network with SiLU in the place of ReLU, whose kink leaves gradients undetermined."""
    # With weights of its own: a user's may be of an activation that has some.
    return replace(subject, backbone={**subject.backbone, 'act_cfg': {'type': 'SiLU'}}, tensors=None)


def check_smooth_gradients(trio: Trio) -> Outcome:
    """Compare all gradients of a smooth network."""
    reference = _run_reference(trio, 0)
    actual = trio.mindspore.differentiate(reference.images, reference.labels)
    case = f'{"x".join(map(str, reference.images.shape))} {trio.mindspore.mode}, SiLU'
    return Outcome(tuple(_compare_gradients(trio.subject, case, reference, actual, 'smooth', SMOOTH_GRADIENT_BOUND)))


def _run_reference(trio: Trio, seed: int) -> _Reference:
    images, labels = draw_batch(trio.subject, seed)
    networks = (trio.exact, trio.single)
    for network in networks:
        network.load(trio.tensors)
    passes = tuple(network.differentiate(images, labels) for network in networks)
    statistics = tuple(_statistics(network.tensors()) for network in networks)
    floors = _gradient_differences(trio.subject, *passes)
    return _Reference(seed + 1, images, labels, passes, statistics, floors)


def _statistics(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in tensors.items() if name.endswith(('running_mean', 'running_var'))}


def _gradient_differences(subject: Subject, exact: TrainingPass, other: TrainingPass) -> dict[str, float]:
    """Return how far all gradients but the analytically zero ones are from the exact ones, by name."""
    least_scale = _LEAST_SCALE * _largest_gradient(exact)
    zeros = _zero_gradients(subject)
    return {'images': relative(other.image_gradient, exact.image_gradient)} | {
        name: relative(other.gradients[name], gradient, least_scale)
        for name, gradient in exact.gradients.items()
        if name not in zeros and name in other.gradients
    }


def _compare_gradients(
    subject: Subject,
    case: str,
    reference: _Reference,
    actual: TrainingPass,
    check: str = 'gradients',
    least: float = GRADIENT_BOUND,
) -> list[Measurement]:
    """Compare all gradients by name, against one noise floor for all."""
    exact, single = reference.passes

    def measure(item: str, difference: float, bound: float, floor: float | None = None) -> Measurement:
        return Measurement(subject.name, check, case, item, difference, bound, floor)

    bound = calibrated(least, reference.noise)
    differences = _gradient_differences(subject, exact, actual)
    measurements = [
        measure(name, difference, bound, reference.floors[name]) for name, difference in differences.items()
    ]
    measurements += [
        measure(f'{name} (in one framework only)', 1.0, 0.0)
        for name in sorted(exact.gradients.keys() ^ actual.gradients.keys())
    ]
    largest = _largest_gradient(exact)
    for name in sorted(_zero_gradients(subject) & exact.gradients.keys() & actual.gradients.keys()):
        floor, difference = (float(np.abs(found.gradients[name]).max()) / largest for found in (single, actual))
        measurements.append(measure(f'{name} (zero)', difference, ZERO_BOUND, floor))
    return measurements


def _zero_gradients(subject: Subject) -> set[str]:
    # In evaluation mode BatchNorm takes nothing away.
    return set() if subject.backbone.get('norm_eval') else zero_gradients(subject.plan)


def _largest_gradient(found: TrainingPass) -> float:
    return max(float(np.abs(gradient).max()) for gradient in found.gradients.values())


def zero_gradients(plan: Plan) -> set[str]:
    """Return the BatchNorm shifts whose gradient is analytically zero.

    A shift behind a depthwise convolution goes through a linear 1x1 convolution into the next BatchNorm, which takes
    every constant away again.
    """
    return {
        f'{name}.bn.bias'
        for name, conv in plan.named_convs().items()
        if conv.norm and not conv.act and conv.groups == conv.out_channels and conv.kernel_size > 1
    }
