"""MindSpore in Graph mode: turns a case into a function to be timed."""

import functools
from collections.abc import Callable

import shufflenet_zoo.mindspore_impl  # noqa: F401  sets oneDNN up before mindspore's first convolution  # isort: skip
import mindspore as ms
import numpy as np
from mindspore import nn

from shufflenet_zoo.benchmark.cases import IMAGE_SIZE, NUM_CLASSES, Case
from shufflenet_zoo.benchmark.networks import MINDSPORE

Run = Callable[[], object]


def prepare(case: Case, threads: int) -> Run:
    """Build a case's network; see torch_engines.prepare."""
    _set_up(threads)
    ms.set_seed(0)
    network = MINDSPORE[case.network]()
    generator = np.random.default_rng(0)
    images = ms.Tensor(generator.standard_normal((case.batch, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32))
    if case.engine == 'mindspore-training':
        return _training(network, images)
    network.set_train(False)
    if case.form == 'deploy':
        from shufflenet_zoo.mindspore_impl.deploy import to_deploy

        network = to_deploy(network)
    return lambda: network(images).asnumpy()


@functools.cache
def _set_up(threads: int) -> None:
    """Set what MindSpore allows to be set once in a process."""
    ms.set_context(mode=ms.GRAPH_MODE)
    # More threads for dispatching than its default double the times on two cores.
    ms.device_context.cpu.op_tuning.threads_num(threads)


def _training(network: nn.Cell, images: ms.Tensor) -> Run:
    labels = ms.Tensor(np.arange(len(images), dtype=np.int32) % NUM_CLASSES)
    optimizer = nn.Momentum(network.trainable_params(), 1e-4, 0.9, weight_decay=4e-5)
    step = nn.TrainOneStepCell(nn.WithLossCell(network, nn.CrossEntropyLoss()), optimizer)
    step.set_train(True)
    return lambda: step(images, labels).asnumpy()
