"""One iteration of training and of evaluation, compiled in Graph mode."""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from shufflenet_zoo.mindspore_impl.processes import ALONE, Gather, Mean, Processes
from shufflenet_zoo.mindspore_impl.training.loss_scale import LossScale
from shufflenet_zoo.mindspore_impl.training.optimizers import Optimizer

# torch.nn.utils.clip_grad_norm_ adds it to the norm.
_CLIP_EPSILON = 1e-6


class _Gradients(nn.Cell):
    """Loss and gradients of a batch, or their means over the batches of several processes.

    Args:
        model: Maps images to logits.
        loss: Maps logits and labels to the loss.
        parameters: What to derive by.
        with_norm: Whether the norm of the gradients is computed.
        max_norm: The gradients' norm is clipped to it; None leaves them.
        processes: The processes that train together.
    """

    def __init__(
        self,
        model: nn.Cell,
        loss: nn.Cell,
        parameters: Sequence[Parameter],
        with_norm: bool,
        max_norm: float | None,
        processes: Processes,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.model, self.loss, self.with_norm, self.max_norm = model, loss, with_norm, max_norm
        shapes = [*(parameter.shape for parameter in parameters), ()]
        self.mean = Mean(shapes, processes.count) if processes.count > 1 else None
        self.derive = ms.value_and_grad(self.forward, None, ms.ParameterTuple(parameters), has_aux=True)
        self.map = ops.HyperMap()

    def forward(self, images: Tensor, labels: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        loss = self.loss(self.model(images).astype(ms.float32), labels)
        return loss * scale, loss

    def construct(self, images: Tensor, labels: Tensor, scale: Tensor) -> tuple:
        (_, loss), gradients = self.derive(images, labels, scale)
        gradients = self.map(ops.partial(_divide, scale), gradients)
        if self.mean is not None:
            means = self.mean(gradients + (loss,))  # noqa: RUF005 - compiled, where nothing is starred
            gradients, loss = means[:-1], means[-1]
        # Infinite or not a number as soon as one gradient is.
        norm = ops.sqrt(ops.addn(self.map(_square_sum, gradients))) if self.with_norm else Tensor(0.0, ms.float32)
        if self.max_norm is not None:
            factor = ops.minimum(self.max_norm / (norm + _CLIP_EPSILON), Tensor(1.0, ms.float32))
            gradients = self.map(ops.partial(_multiply, factor), gradients)
        return loss, norm, gradients


_divide = ops.MultitypeFuncGraph('divide')
_multiply = ops.MultitypeFuncGraph('multiply')
_square_sum = ops.MultitypeFuncGraph('square_sum')


@_divide.register('Tensor', 'Tensor')
def _divide_tensor(scale: Tensor, gradient: Tensor) -> Tensor:
    return gradient.astype(ms.float32) / scale


@_multiply.register('Tensor', 'Tensor')
def _multiply_tensor(factor: Tensor, gradient: Tensor) -> Tensor:
    return gradient * factor


@_square_sum.register('Tensor')
def _square_sum_tensor(gradient: Tensor) -> Tensor:
    return ops.square(gradient).sum()


class TrainStep:
    """An iteration of training.

    Args:
        model: Maps images to logits.
        loss: Maps logits and labels to the loss.
        optimizer: Updates the model.
        loss_scale: Factor on the loss in mixed precision; None: none.
        max_norm: The gradients' norm is clipped to it; None leaves them.
        processes: The processes that train together: all take the same step. Default: a single one.

    Attributes:
        was_left_out: Whether the last update was left out because the gradients overflowed.
    """

    was_left_out = False

    def __init__(
        self,
        model: nn.Cell,
        loss: nn.Cell,
        optimizer: Optimizer,
        loss_scale: LossScale | None,
        max_norm: float | None,
        processes: Processes = ALONE,
    ) -> None:
        self.optimizer, self.loss_scale, self.max_norm = optimizer, loss_scale, max_norm
        with_norm = max_norm is not None or loss_scale is not None
        self._gradients = _Gradients(model, loss, optimizer.parameters, with_norm, max_norm, processes)
        self.set_train()

    def set_train(self) -> None:
        """Put the model back into training mode after an evaluation."""
        self._gradients.set_train()

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Update the model by a batch.

        An update whose gradients overflowed in mixed precision is left out, as torch's GradScaler does.

        Args:
            images: float32 of shape (N, C, H, W).
            labels: int32 of shape (N,).

        Returns:
            What the log shows: the loss (its mean over the processes) and, where it is clipped, the norm of the
            gradients.
        """
        scale = self.loss_scale.value if self.loss_scale else 1.0
        loss, norm, gradients = self._gradients(Tensor(images), Tensor(labels), Tensor(scale, ms.float32))
        norm = float(norm.asnumpy())
        is_finite = bool(np.isfinite(norm))
        self.was_left_out = not is_finite and self.loss_scale is not None
        if not self.was_left_out:
            self.optimizer.step(gradients)
        if self.loss_scale:
            self.loss_scale.update(is_finite)
        values = {'loss': float(loss.asnumpy())}
        return values if self.max_norm is None else {'grad_norm': norm, **values}


class EvalStep(nn.Cell):
    """The logits of a batch, float32 in mixed precision too; of several processes, those of one after the other.

    Args:
        model: Maps images to logits.
        processes: The processes that evaluate together. Default: a single one.
    """

    def __init__(self, model: nn.Cell, processes: Processes = ALONE) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.gather = Gather() if processes.count > 1 else nn.Identity()

    def construct(self, images: Tensor) -> Tensor:
        return self.gather(self.model(images).astype(ms.float32))
