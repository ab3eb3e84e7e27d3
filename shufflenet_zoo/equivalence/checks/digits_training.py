"""A whole short training in both frameworks, from the same weights and on the same batches."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from shufflenet_zoo.data import digits
from shufflenet_zoo.equivalence.measurement import Curve, Measurement, Outcome
from shufflenet_zoo.equivalence.mutations import Mutation
from shufflenet_zoo.equivalence.subject import Subject

# Percentage points between the final accuracies.
ACCURACY_BOUND = 1.0
FIRST_LOSS_BOUND = 1e-5
EPOCHS = 5
BATCH_SIZE = 64
# Every pixel of the 8x8 images becomes 2x2.
_ENLARGEMENT = 2
_MEAN, _STD = 78.0, 96.0
_LABEL_SMOOTHING = 0.1
_SEED = 0


def check_digits(subject: Subject, mutation: Mutation | None = None) -> Outcome:
    """Train the network, with a stem for small images, on scikit-learn's digits."""
    overrides = mutation.overrides(subject) if mutation else {}
    arguments = {key: value for key, value in subject.arguments.items() if key != 'out_indices'}
    arguments |= {'small_stem': True, 'in_channels': 3}
    model = _build_torch(subject.family, arguments)
    weights = {name.removeprefix('backbone.'): tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    torch_losses, torch_accuracy = _train_torch(model)
    own = Subject(subject.name, {'type': subject.family, **arguments}, len(digits.CLASSES))
    twin = _build_mindspore(subject.family, {**arguments, **overrides}, own.convert(weights, 'mindspore'))
    losses, accuracy = _train_mindspore(twin)
    first = abs(losses[0] - torch_losses[0]) / torch_losses[0]
    case = f'{EPOCHS} epochs, {len(losses)} iterations'
    found = (
        Measurement(subject.name, 'digits', case, 'loss of the first iteration', first, FIRST_LOSS_BOUND),
        Measurement(
            subject.name,
            'digits',
            case,
            f'final accuracies {torch_accuracy:.2f} and {accuracy:.2f} %, in percentage points',
            abs(accuracy - torch_accuracy),
            ACCURACY_BOUND,
        ),
    )
    return Outcome(found, (Curve('PyTorch', tuple(torch_losses)), Curve('MindSpore', tuple(losses))))


def _optimizer_config() -> dict[str, Any]:
    return {
        'optimizer': {'type': 'AdamW', 'lr': 2e-3, 'weight_decay': 0.05},
        'paramwise_cfg': {'norm_decay_mult': 0, 'bias_decay_mult': 0},
    }


def _schedule_config(iterations: int) -> list[dict[str, Any]]:
    """One epoch of warm-up, then cosine decay to zero; steps are iterations."""
    warm_up = iterations // EPOCHS
    return [
        {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': warm_up},
        {
            'type': 'CosineAnnealingLR',
            'eta_min': 0,
            'by_epoch': False,
            'begin': warm_up,
            'end': iterations,
            'T_max': iterations - warm_up,
        },
    ]


def _load(split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = digits.load_split(split)
    images = images.repeat(_ENLARGEMENT, 1).repeat(_ENLARGEMENT, 2).transpose(0, 3, 1, 2)
    return np.ascontiguousarray((images - _MEAN) / _STD, dtype=np.float32), labels.astype(np.int32)


def _batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the same batches to both frameworks."""
    images, labels = _load('train')
    randoms = np.random.default_rng(_SEED)
    for _ in range(EPOCHS):
        order = randoms.permutation(len(labels))
        for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            yield images[chosen], labels[chosen]


def _iterations() -> int:
    return EPOCHS * (len(_load('train')[1]) // BATCH_SIZE)


def _accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers in percent; not a number where the logits are none."""
    return 100 * float((logits.argmax(1) == labels).mean()) if np.isfinite(logits).all() else math.nan


def _build_torch(family: str, arguments: Mapping[str, Any]) -> Any:
    """Build the classifier with freshly drawn weights."""
    import torch

    from shufflenet_zoo.backbones import ImageClassifier
    from shufflenet_zoo.registry import MODELS

    torch.manual_seed(_SEED)
    model = ImageClassifier.around(MODELS.get(family)(**arguments), len(digits.CLASSES))
    model.init_weights()
    return model


def _build_mindspore(family: str, arguments: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Any:
    """Build the classifier with given weights, for Graph mode."""
    import mindspore as ms

    from shufflenet_zoo.mindspore_impl.classifier import BACKBONES, ImageClassifier

    ms.set_context(mode=ms.GRAPH_MODE)
    model = ImageClassifier.around(BACKBONES[family](**arguments), len(digits.CLASSES))
    for name, parameter in model.parameters_and_names():
        parameter.set_data(ms.Tensor(weights[name.removeprefix('backbone.')]))
    return model


def _train_torch(model: Any) -> tuple[list[float], float]:
    """Train in PyTorch; return the losses and the final accuracy."""
    import torch
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import PARAM_SCHEDULERS
    from mmpretrain.models.losses import LabelSmoothLoss

    criterion = LabelSmoothLoss(_LABEL_SMOOTHING, mode='original')
    wrapper = build_optim_wrapper(model, _optimizer_config())
    schedules = [PARAM_SCHEDULERS.build({**item, 'optimizer': wrapper}) for item in _schedule_config(_iterations())]
    losses = []
    model.train()
    for images, labels in _batches():
        loss = criterion(model(torch.from_numpy(images)), torch.from_numpy(labels).long())
        wrapper.update_params(loss)
        losses.append(loss.item())
        for schedule in schedules:
            schedule.step()
    model.eval()
    images, labels = _load('test')
    with torch.no_grad():
        logits = model(torch.from_numpy(images)).numpy()
    return losses, _accuracy(logits, labels)


def _train_mindspore(model: Any) -> tuple[list[float], float]:
    """Train in MindSpore; return the losses and the final accuracy."""
    import mindspore as ms

    from shufflenet_zoo.mindspore_impl.losses import LabelSmoothLoss
    from shufflenet_zoo.mindspore_impl.training.optimizers import build_optimizer
    from shufflenet_zoo.mindspore_impl.training.schedules import LearningRates
    from shufflenet_zoo.mindspore_impl.training.train_step import EvalStep, TrainStep

    optimizer = build_optimizer(model, _optimizer_config())
    iterations = _iterations()
    rates = LearningRates(_schedule_config(iterations), optimizer.base_lrs, iterations // EPOCHS, EPOCHS, iterations)
    step = TrainStep(model, LabelSmoothLoss(_LABEL_SMOOTHING), optimizer, None, None)
    losses = []
    for images, labels in _batches():
        optimizer.set_lrs(list(rates.values))
        losses.append(step(images, labels)['loss'])
        rates.step(by_epoch=False)
    images, labels = _load('test')
    evaluate = EvalStep(model)
    evaluate.set_train(False)
    return losses, _accuracy(evaluate(ms.Tensor(images)).asnumpy(), labels)
