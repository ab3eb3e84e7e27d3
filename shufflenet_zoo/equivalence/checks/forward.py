"""The features of every stage, and the logits, in evaluation mode."""

import gc
from dataclasses import replace

import numpy as np

from shufflenet_zoo.equivalence.coverage import Case
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome, compare_tensors
from shufflenet_zoo.equivalence.mindspore_network import PYNATIVE
from shufflenet_zoo.equivalence.mutations import Mutation
from shufflenet_zoo.equivalence.signal import check_signal, draw_images
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.trio import Trio, build_trio, with_channels

FORWARD_BOUND = 1e-5
# What stride-4 stems make of 224 pixels, a stem without stride makes of 56.
_USUAL_STEM_STRIDE = 4


def check_forward(subject: Subject, cases: tuple[Case, ...], mutation: Mutation | None = None) -> Outcome:
    """Compare every stage on images of several sizes, and every unit once."""
    measurements = []
    by_unit = next((case for case in cases if case.mode == PYNATIVE), None)
    for case in cases:
        runs_units = case is by_unit
        network = with_channels(subject, case.channels)
        case = _fitted(case, network)
        trio = build_trio(network, case.mode, mutation)
        images = draw_images(case.shape)
        exact = trio.exact.evaluate(images)
        check_signal(subject.name, exact)
        measurements += compare_tensors(
            subject.name,
            'forward',
            str(case),
            _strict,
            exact,
            trio.single.evaluate(images),
            trio.mindspore.evaluate(images),
        )
        if runs_units:
            measurements += _compare_units(trio, case, images)
        # A MindSpore cell is part of reference cycles, and the next network would stand beside this one.
        del trio
        gc.collect()
    return Outcome(tuple(measurements))


def _compare_units(trio: Trio, case: Case, images: np.ndarray) -> list[Measurement]:
    return compare_tensors(
        trio.subject.name,
        'units',
        str(case),
        _strict,
        trio.exact.evaluate_units(images),
        trio.single.evaluate_units(images),
        trio.mindspore.evaluate_units(images),
    )


def _strict(floor: float) -> float:
    return FORWARD_BOUND


def _fitted(case: Case, subject: Subject) -> Case:
    """Fit a case to the network: the channels that it takes, and smaller images for a stem that does not shrink."""
    plan = subject.plan
    height, width = (size * plan.stem.stride // _USUAL_STEM_STRIDE for size in (case.height, case.width))
    return replace(case, height=height, width=width, channels=plan.in_channels)
