"""Mixed precision: how far float16 and bfloat16 are from double precision, in either framework."""

from collections.abc import Callable, Mapping

import numpy as np

from shufflenet_zoo.equivalence.measurement import Measurement, Outcome, relative_l2
from shufflenet_zoo.equivalence.mindspore_network import PYNATIVE
from shufflenet_zoo.equivalence.mutations import Mutation
from shufflenet_zoo.equivalence.signal import draw_images
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.trio import Trio, build_trio

# Of the Euclidean norm: float16 has 11 significant bits, bfloat16 has 8.
BOUNDS = {'float16': 5e-3, 'bfloat16': 4e-2}
_BATCH_SIZE = 2
_SIZE_PER_STRIDE = 24


def check_precision(subject: Subject, mutation: Mutation | None = None) -> Outcome:
    """Compare every stage in mixed precision; the noise floor is what PyTorch's own autocast loses."""
    size = _SIZE_PER_STRIDE * subject.plan.stem.stride
    images = draw_images((_BATCH_SIZE, subject.plan.in_channels, size, size))
    measurements, notes = [], []
    for dtype, bound in BOUNDS.items():
        trio = build_trio(subject, PYNATIVE, mutation)
        exact = trio.exact.evaluate(images)
        autocast = _evaluate_autocast(trio, dtype, images)
        case = f'{"x".join(map(str, images.shape))} {dtype}'
        plain = trio.mindspore.evaluate(images)
        measurements += _compare(subject.name, f'{case}: PyTorch against MindSpore float32', bound, plain, autocast)
        try:
            mixed = _evaluate_mixed(trio, dtype, images)
        except (TypeError, RuntimeError) as error:
            if 'kernel' not in str(error).lower():
                raise
            notes.append(f'precision: MindSpore has no {dtype} kernels on this device; only PyTorch ran in {dtype}')
            continue
        measurements += _compare(subject.name, f'{case}: MindSpore', bound, exact, mixed, autocast)
        measurements += _compare(subject.name, f'{case}: MindSpore against PyTorch', bound, autocast, mixed)
    return Outcome(tuple(measurements), notes=tuple(notes))


def _compare(
    network: str,
    case: str,
    bound: float,
    expected: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
    single: Mapping[str, np.ndarray] | None = None,
) -> list[Measurement]:
    return [
        Measurement(
            network,
            'precision',
            case,
            name,
            relative_l2(actual[name], expected[name]),
            bound,
            relative_l2(single[name], expected[name]) if single else None,
        )
        for name in expected
    ]


def _evaluate_autocast(trio: Trio, dtype: str, images: np.ndarray) -> dict[str, np.ndarray]:
    import torch

    network = trio.single
    network.model.eval()
    with torch.no_grad(), torch.autocast('cpu', getattr(torch, dtype)):
        outputs = network.model(torch.from_numpy(images))
    return _as_float32(trio.subject, outputs, lambda output: output.float().numpy())


def _evaluate_mixed(trio: Trio, dtype: str, images: np.ndarray) -> dict[str, np.ndarray]:
    import mindspore as ms

    model = ms.amp.auto_mixed_precision(trio.mindspore.model, 'O2', getattr(ms, dtype))
    model.set_train(False)
    # MindSpore reports a missing kernel when the result is fetched, not when the operator is called.
    return _as_float32(trio.subject, model(ms.Tensor(images)), lambda output: output.astype(ms.float32).asnumpy())


def _as_float32(subject: Subject, outputs: tuple, convert: Callable) -> dict[str, np.ndarray]:
    return dict(zip(subject.outputs, map(convert, outputs), strict=True))
