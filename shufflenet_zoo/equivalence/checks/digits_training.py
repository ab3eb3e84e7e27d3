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
_SEED = 0


def check_digits(subject: Subject, mutation: Mutation | None = None) -> Outcome:
    """Train the network, with a stem for small images, on scikit-learn's digits."""
    overrides = mutation.overrides(subject) if mutation else {}
    backbone = {key: value for key, value in subject.backbone.items() if key not in ('out_indices', 'init_cfg')}
    backbone |= {'small_stem': True, 'in_channels': 3}
    model = build_torch_model(model_config(backbone))
    weights = {name.removeprefix('backbone.'): tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    torch_losses, torch_accuracy = _train_torch(model)
    own = Subject(subject.name, backbone, len(digits.CLASSES))
    losses, accuracy = _train_mindspore(model_config({**backbone, **overrides}), own.convert(weights, 'mindspore'))
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


def model_config(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of the classifier."""
    return {
        'type': 'ImageClassifier',
        'backbone': dict(backbone),
        'neck': {'type': 'GlobalAveragePooling'},
        'head': {
            'type': 'LinearClsHead',
            'num_classes': len(digits.CLASSES),
            'in_channels': 'auto',
            'loss': {'type': 'LabelSmoothLoss', 'label_smooth_val': 0.1, 'mode': 'original'},
        },
    }


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


def build_torch_model(config: Mapping[str, Any]) -> Any:
    """Build mmpretrain's classifier with freshly drawn weights."""
    import torch
    from mmengine.config import Config
    from mmpretrain.registry import MODELS
    from mmpretrain.utils import register_all_modules

    from shufflenet_zoo.jobs.config import fill_channels

    register_all_modules()
    filled = Config({'model': dict(config)})
    fill_channels(filled)
    torch.manual_seed(_SEED)
    model = MODELS.build(filled.model)
    model.init_weights()
    return model


def _train_torch(model: Any) -> tuple[list[float], float]:
    """Train in PyTorch; return the losses and the final accuracy."""
    import torch
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import PARAM_SCHEDULERS
    from mmpretrain.structures import DataSample

    wrapper = build_optim_wrapper(model, _optimizer_config())
    schedules = [PARAM_SCHEDULERS.build({**item, 'optimizer': wrapper}) for item in _schedule_config(_iterations())]
    losses = []
    model.train()
    for images, labels in _batches():
        samples = [DataSample().set_gt_label(int(label)) for label in labels]
        loss = model(torch.from_numpy(images), samples, mode='loss')['loss']
        wrapper.update_params(loss)
        losses.append(loss.item())
        for schedule in schedules:
            schedule.step()
    model.eval()
    images, labels = _load('test')
    with torch.no_grad():
        logits = model.head(model.extract_feat(torch.from_numpy(images))).numpy()
    return losses, _accuracy(logits, labels)


def _train_mindspore(config: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> tuple[list[float], float]:
    """Train in MindSpore, in Graph mode; return the losses and the final accuracy."""
    import mindspore as ms

    from shufflenet_zoo.mindspore_impl.classifier import build_classifier
    from shufflenet_zoo.mindspore_impl.training.optimizers import build_optimizer
    from shufflenet_zoo.mindspore_impl.training.schedules import LearningRates
    from shufflenet_zoo.mindspore_impl.training.train_step import EvalStep, TrainStep

    ms.set_context(mode=ms.GRAPH_MODE)
    model, loss = build_classifier(config)
    for name, parameter in model.parameters_and_names():
        parameter.set_data(ms.Tensor(weights[name.removeprefix('backbone.')]))
    optimizer = build_optimizer(model, _optimizer_config())
    iterations = _iterations()
    rates = LearningRates(_schedule_config(iterations), optimizer.base_lrs, iterations // EPOCHS, EPOCHS, iterations)
    step = TrainStep(model, loss, optimizer, None, None)
    losses = []
    for images, labels in _batches():
        optimizer.set_lrs(list(rates.values))
        losses.append(step(images, labels)['loss'])
        rates.step(by_epoch=False)
    images, labels = _load('test')
    evaluate = EvalStep(model)
    evaluate.set_train(False)
    return losses, _accuracy(evaluate(ms.Tensor(images)).asnumpy(), labels)
