"""The training images that int8 is calibrated on."""

import copy
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.datasets import check_data


def training_loader(config: Config) -> dict[str, Any]:
    """Return a copy of the settings of the training data.

    Raises:
        ConfigError: if the config has no training data.
        DataError: if the data is not there.
    """
    if config.get('train_dataloader') is None:
        raise ConfigError(f'{config.filename} has no train_dataloader, whose images int8 is calibrated on')
    check_data(config, ('train_dataloader',))
    return copy.deepcopy(config.train_dataloader)
