"""A network in MindSpore, as the checks see it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.torch_network import named_units
from shufflenet_zoo.equivalence.training_pass import TrainingPass
from shufflenet_zoo.weights.layouts import entries

GRAPH, PYNATIVE = 'Graph', 'PyNative'
MODES = (GRAPH, PYNATIVE)
LAYOUT = 'mindspore'
_JIT_VARIABLE = 'MS_JIT'


class MindSporeNetwork:
    """A backbone with a classifier in MindSpore.

    Args:
        subject: The network.
        tensors: Its weights by canonical names.
        mode: 'Graph' or 'PyNative'.
        overrides: Backbone arguments that differ from the subject's, to prove that the checks notice. Default: none.
        edit: Changes the converted weights, for the same reason. Default: None.

    Attributes:
        model: The mindspore.nn.Cell; maps images to the features of every stage and the logits.
        missing: Names of the parameters for which the converted weights have none.
        unexpected: Names of converted weights that the network does not have.
    """

    def __init__(
        self,
        subject: Subject,
        tensors: Mapping[str, np.ndarray],
        mode: str,
        overrides: Mapping[str, Any] | None = None,
        edit: Callable[[dict[str, np.ndarray]], None] | None = None,
    ) -> None:
        self.subject = subject
        self.mode = mode
        self._edit = edit
        self._use_mode()
        self.model = build_cell(subject, overrides or {})
        self._derive = None
        layout = subject.layout(LAYOUT)
        self._canonical = {entry.keys[0]: entry.key for entry in entries(layout, subject.plan, subject.num_classes)}
        self.load(tensors)

    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Convert canonical weights and load them; what does not fit is noted."""
        import mindspore as ms

        own = {_bare(name): parameter for name, parameter in self.model.parameters_and_names()}
        converted = self.subject.convert(tensors, LAYOUT)
        if self._edit:
            self._edit(converted)
        self.missing = sorted(own.keys() - converted.keys())
        self.unexpected = sorted(converted.keys() - own.keys())
        for name in own.keys() & converted.keys():
            own[name].set_data(ms.Tensor(converted[name]))

    def evaluate(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of every stage, and the logits, in evaluation mode."""
        import mindspore as ms

        self._use_mode()
        self.model.set_train(False)
        return self._named(self.model(ms.Tensor(images)))

    def evaluate_units(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features after every unit in evaluation mode, run one by one in PyNative mode."""
        import mindspore as ms

        ms.set_context(mode=ms.PYNATIVE_MODE)
        self.model.set_train(False)
        backbone = self.model.backbone
        x = backbone.maxpool(backbone.conv1(ms.Tensor(images)))
        features = {'stem': x.asnumpy()}
        for name, unit in named_units(self.subject, backbone.layers):
            x = unit(x)
            features[name] = x.asnumpy()
        return features

    def differentiate(self, images: np.ndarray, labels: np.ndarray) -> TrainingPass:
        """Compute loss, features and gradients of a batch in training mode; running statistics are updated."""
        import mindspore as ms

        self._use_mode()
        self._derive = self._derive or _build_derivative(self.model)
        self._derive.set_train()
        (loss, outputs), (by_images, by_parameters) = self._derive(
            ms.Tensor(images), ms.Tensor(labels.astype(np.int32))
        )
        trained = self.model.trainable_params()
        self._gradients = {parameter.name: gradient for parameter, gradient in zip(trained, by_parameters, strict=True)}
        gradients = {self._canonical[_bare(name)]: gradient.asnumpy() for name, gradient in self._gradients.items()}
        return TrainingPass(float(loss.asnumpy()), self._named(outputs), gradients, by_images.asnumpy())

    def tensors(self) -> dict[str, np.ndarray]:
        """Return weights and statistics by canonical names; the next iteration may change these arrays."""
        own = {_bare(name): parameter.asnumpy() for name, parameter in self.model.parameters_and_names()}
        return self.subject.convert(own, LAYOUT, back=True)

    def optimizer(self, config: Mapping[str, Any]) -> Callable[[], None]:
        """Build our optimizer of an ``optim_wrapper``; calling it applies the gradients of the last pass.

        It runs operator by operator in either mode: to compile a step takes longer than all other checks of a network.
        The training of the digits compares a compiled one.
        """
        import mindspore as ms

        from shufflenet_zoo.mindspore_impl.training.optimizers import build_optimizer

        ms.set_context(mode=ms.PYNATIVE_MODE)
        optimizer = build_optimizer(self.model, config)

        def step() -> None:
            ms.set_context(mode=ms.PYNATIVE_MODE)
            with _without_jit():
                optimizer.step([self._gradients[parameter.name] for parameter in optimizer.parameters])

        return step

    def _use_mode(self) -> None:
        import mindspore as ms

        ms.set_context(mode=ms.GRAPH_MODE if self.mode == GRAPH else ms.PYNATIVE_MODE)

    def _named(self, outputs: tuple) -> dict[str, np.ndarray]:
        return dict(zip(self.subject.outputs, (output.asnumpy() for output in outputs), strict=True))


def build_cell(subject: Subject, overrides: Mapping[str, Any]) -> Any:
    """Build a mindspore.nn.Cell that maps images to the features of every stage and the logits."""
    from shufflenet_zoo.mindspore_impl.classifier import BACKBONES, ClassifierWithFeatures

    backbone = BACKBONES[subject.family](**{**subject.arguments, **overrides})
    return ClassifierWithFeatures.around(backbone, subject.num_classes)


def _build_derivative(model: Any) -> Any:
    """Build a cell that computes loss, outputs and the gradients by the images and by every trained parameter."""
    import mindspore as ms
    from mindspore import Tensor, nn

    class Derivative(nn.Cell):
        """Loss, outputs and gradients of a batch."""

        def __init__(self) -> None:
            super().__init__(auto_prefix=False)
            self.model = model
            self.loss = nn.CrossEntropyLoss()
            self.derive = ms.value_and_grad(self.forward, 0, ms.ParameterTuple(model.trainable_params()), has_aux=True)

        def forward(self, images: Tensor, labels: Tensor) -> tuple:
            outputs = self.model(images)
            return self.loss(outputs[-1], labels), outputs

        def construct(self, images: Tensor, labels: Tensor) -> tuple:
            return self.derive(images, labels)

    return Derivative()


@contextmanager
def _without_jit() -> Iterator[None]:
    """Keep MindSpore from compiling those of its functions that ask for it."""
    before = os.environ.get(_JIT_VARIABLE)
    os.environ[_JIT_VARIABLE] = '0'
    try:
        yield
    finally:
        if before is None:
            del os.environ[_JIT_VARIABLE]
        else:
            os.environ[_JIT_VARIABLE] = before


def _bare(name: str) -> str:
    return name.removeprefix('backbone.')
