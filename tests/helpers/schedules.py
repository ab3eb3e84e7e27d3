"""A config's learning rates, as mmengine's Runner would build them, without a training."""

import torch
from mmengine.config import Config
from mmengine.optim import _ParamScheduler  # noqa: F401  registers the schedules
from mmengine.registry import PARAM_SCHEDULERS

from shufflenet_zoo.jobs.datasets import as_list


def rates(config: Config, epochs: int, epoch_length: int = 4) -> list[float]:
    """Return the rate of every iteration of a training of so many epochs, whose optimizer begins with 1.

    Where the schedules go by epoch, the rate of an epoch stands for its iterations.
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedules = []
    for section in as_list(config.get('param_scheduler')):
        end = epochs if section.get('by_epoch', True) else epochs * epoch_length
        schedules.append(
            PARAM_SCHEDULERS.build(
                {'end': end, **section}, default_args={'optimizer': optimizer, 'epoch_length': epoch_length}
            )
        )
    found = []
    for iteration in range(epochs * epoch_length):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for schedule in schedules:
            if not schedule.by_epoch or (iteration + 1) % epoch_length == 0:
                schedule.step()
    return found
