"""A network in PyTorch, as the checks see it."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.subject import LOGITS, Subject
from shufflenet_zoo.equivalence.training_pass import TrainingPass


class TorchNetwork:
    """A backbone with a classifier in PyTorch.

    Args:
        subject: The network.
        tensors: Its weights by canonical names.
        dtype: 'float32' or 'float64'.
        edit: Changes the built network, to prove that the checks notice. Default: None.

    Attributes:
        model: The torch.nn.Module; maps images to the features of every stage and the logits.
    """

    def __init__(
        self,
        subject: Subject,
        tensors: Mapping[str, np.ndarray],
        dtype: str = 'float64',
        edit: Callable[[Any], None] | None = None,
    ) -> None:
        import torch

        self.subject = subject
        self.dtype = getattr(torch, dtype)
        self.model = build_module(subject).to(self.dtype)
        self.load(tensors)
        if edit:
            edit(self.model)

    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Load weights strictly."""
        import torch

        state = {_prefixed(name): torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        self.model.load_state_dict(state)

    def evaluate(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of every stage, and the logits, in evaluation mode."""
        import torch

        self.model.eval()
        with torch.no_grad():
            return self._named(self.model(self._tensor(images)))

    def evaluate_units(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features after every unit in evaluation mode, run one by one."""
        import torch

        self.model.eval()
        backbone, features = self.model.backbone, {}
        with torch.no_grad():
            x = backbone.maxpool(backbone.conv1(self._tensor(images)))
            features['stem'] = x.numpy()
            for name, unit in named_units(self.subject, backbone.layers):
                x = unit(x)
                features[name] = x.numpy()
        return features

    def differentiate(self, images: np.ndarray, labels: np.ndarray) -> TrainingPass:
        """Compute loss, features and gradients of a batch in training mode; running statistics are updated."""
        import torch
        from torch.nn.functional import cross_entropy

        self.model.train()
        self.model.zero_grad()
        x = self._tensor(images).requires_grad_()
        outputs = self.model(x)
        loss = cross_entropy(outputs[-1], torch.from_numpy(labels).long())
        loss.backward()
        # Without copies: zero_grad forgets these tensors and does not overwrite them.
        gradients = {
            _bare(name): parameter.grad.numpy()
            for name, parameter in self.model.named_parameters()
            if parameter.grad is not None
        }
        return TrainingPass(loss.item(), self._named(outputs), gradients, x.grad.numpy())

    def tensors(self) -> dict[str, np.ndarray]:
        """Return weights and statistics by canonical names; the next iteration changes these arrays."""
        return {_bare(name): tensor.detach().numpy() for name, tensor in self.model.state_dict().items()}

    def optimizer(self, config: Mapping[str, Any]) -> Callable[[], None]:
        """Build mmengine's optimizer of an ``optim_wrapper``; calling it applies the gradients of the last pass."""
        from mmengine.optim import build_optim_wrapper

        wrapper = build_optim_wrapper(self.model, copy.deepcopy(dict(config)))

        def step() -> None:
            wrapper.step()
            self.model.zero_grad()

        return step

    def _tensor(self, images: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(images).to(self.dtype)

    def _named(self, outputs: tuple) -> dict[str, np.ndarray]:
        arrays = (output.detach().numpy() for output in outputs)
        return dict(zip(self.subject.outputs, arrays, strict=True))


def build_module(subject: Subject) -> Any:
    """Build a torch.nn.Module that maps images to the features of every stage and the logits."""
    from shufflenet_zoo.backbones.classifier import ClassifierWithFeatures
    from shufflenet_zoo.registry import MODELS

    return ClassifierWithFeatures.around(MODELS.get(subject.family)(**subject.arguments), subject.num_classes)


def tensor_shapes(subject: Subject) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's tensors by canonical names."""
    return {_bare(name): tuple(tensor.shape) for name, tensor in build_module(subject).state_dict().items()}


def named_units(subject: Subject, layers: Any) -> list[tuple[str, Any]]:
    """Return every unit of a backbone's layers, in either framework, with its name."""
    stages = list(subject.outputs)[1:]
    stages.remove(LOGITS)
    units = []
    for stage, layer in zip(stages, layers, strict=True):
        if stage.startswith('stage'):
            units += [(f'{stage}.{index}', unit) for index, unit in enumerate(layer)]
        else:
            units.append((stage, layer))
    return units


def _bare(name: str) -> str:
    return name.removeprefix('backbone.')


def _prefixed(name: str) -> str:
    return name if name.startswith('head.') else f'backbone.{name}'
