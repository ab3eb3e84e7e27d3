"""The processes of one training or test: how they find each other, and what they tell each other."""

import os
from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, communication, mint, nn, ops

from shufflenet_zoo.errors import ConfigError

# What msrun tells its processes: that they are of one job.
_ROLE = 'MS_ROLE'
# How other ways to start several processes tell how many there are.
_OTHER_LAUNCHERS = {
    'OMPI_COMM_WORLD_SIZE': 'mpirun',
    'PMI_SIZE': 'mpirun',
    'WORLD_SIZE': 'torchrun',
    'RANK_SIZE': 'a rank table',
}


class Gather(nn.Cell):
    """What every process has, one after the other; a graph of its own, as parameters.write explains."""

    def __init__(self) -> None:
        super().__init__(auto_prefix=False)
        self.gather = ops.AllGather()

    def construct(self, value: Tensor) -> Tensor:
        return self.gather(value)


class Processes:
    """The processes that train or test together; all of them must call the methods in the same order.

    Args:
        rank: The number of this one. Default: 0.
        count: How many there are. Default: 1.
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count
        self._gather = Gather() if count > 1 else None

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def agree(self, value: int) -> int:
        """Return the largest value among the processes; none goes on before all have told theirs."""
        return value if self._gather is None else int(self._gather(Tensor([value], ms.int32)).asnumpy().max())


ALONE = Processes()


def join() -> Processes:
    """Join the processes that msrun has started; a single one where nothing has.

    The scheduler, which msrun starts beside them, does not return.

    Raises:
        ConfigError: if they were started in another way.
    """
    if _ROLE not in os.environ:
        for variable, launcher in _OTHER_LAUNCHERS.items():
            if os.environ.get(variable, '1') != '1':
                raise ConfigError(
                    f'several processes started by {launcher} ({variable}={os.environ[variable]}) are not supported by '
                    f'--backend mindspore; start them by msrun'
                )
        return ALONE
    communication.init()  # HCCL on Ascend, MindSpore's own collectives on the CPU
    return Processes(communication.get_rank(), communication.get_group_size())


# Mapped: a loop is compiled to a call within a call per turn, and those of a whole network exceed MindSpore's limit.
_flatten = ops.MultitypeFuncGraph('flatten')
_reshape_like = ops.MultitypeFuncGraph('reshape_like')


@_flatten.register('Tensor')
def _flatten_tensor(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1)


@_reshape_like.register('Tensor', 'Tensor')
def _reshape_tensor_like(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.reshape(like.shape)


class Mean(nn.Cell):
    """The means of tensors over the processes.

    One collective operation for all of them: the CPU fuses none, so that ``nn.DistributedGradReducer``, which has one
    per parameter, took seven to ten times as long for the 170 parameters of a network.

    Args:
        shapes: The tensors' shapes.
        count: How many processes there are.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], count: int) -> None:
        super().__init__(auto_prefix=False)
        self.count = count
        self.sizes = [int(np.prod(shape)) for shape in shapes]
        self.sum = ops.AllReduce()
        self.map = ops.HyperMap()

    def construct(self, tensors: tuple) -> tuple:
        flat = self.map(_flatten, tensors)
        # ops.split has such loops of its own.
        parts = mint.split(self.sum(ops.concat(flat)) / self.count, self.sizes)
        return self.map(_reshape_like, parts, tensors)
