"""Channel order and normalisation: the config's data_preprocessor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config

from shufflenet_zoo.mindspore_impl.config_keys import check_keys, choose, require


def build_preprocessor(config: Config) -> 'Preprocessor':
    """Build the preprocessor of the model's own section, else of the config's, as mmengine does.

    Raises:
        ConfigError: if it asks for something that this backend does not do.
    """
    return Preprocessor(config.model.get('data_preprocessor') or config.get('data_preprocessor'))


class Preprocessor:
    """Channel order and normalisation of a batch, as mmpretrain's ClsDataPreprocessor computes them.

    Args:
        config: The config's ``data_preprocessor``; None changes nothing.

    Raises:
        ConfigError: if it asks for something that this backend does not do.
    """

    def __init__(self, config: Mapping[str, Any] | None) -> None:
        config, key = dict(config or {}), 'data_preprocessor'
        choose(config, key, {'ClsDataPreprocessor': None}, 'ClsDataPreprocessor')
        check_keys(
            config,
            key,
            (
                'num_classes',
                'mean',
                'std',
                'to_rgb',
                'to_onehot',
                'batch_augments',
                'non_blocking',
                'pad_size_divisor',
                'pad_value',
            ),
        )
        require(not config.get('batch_augments'), f'{key}.batch_augments', config.get('batch_augments'), 'None')
        require(not config.get('to_onehot'), f'{key}.to_onehot', config.get('to_onehot'), 'False')
        divisor = config.get('pad_size_divisor', 1)
        require(divisor == 1, f'{key}.pad_size_divisor', divisor, '1')
        mean, std = config.get('mean'), config.get('std')
        require((mean is None) == (std is None), f'{key}.std', std, 'given where mean is, and only there')
        self.to_rgb = bool(config.get('to_rgb', False))
        self.num_classes = config.get('num_classes')
        self.mean, self.std = (
            None if value is None else np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (mean, std)
        )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Normalise a batch.

        Args:
            images: uint8 of shape (N, H, W, C).

        Returns:
            float32 of shape (N, C, H, W).
        """
        if self.to_rgb:
            images = images[..., ::-1]
        images = np.array(images.transpose(0, 3, 1, 2), dtype=np.float32, order='C')
        if self.mean is not None:
            images -= self.mean
            images /= self.std
        return images
