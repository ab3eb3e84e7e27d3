"""The OpenMMLab package that a config's names belong to."""

import importlib

from mmengine.config import Config
from mmengine.registry import init_default_scope

from shufflenet_zoo.errors import DependencyError
from shufflenet_zoo.jobs.config import describe

_PACKAGES = ('mmpretrain', 'mmdet')


def enter_scope(config: Config) -> None:
    """Make the names in a config those of its ``default_scope``, mmpretrain unless it says another.

    Raises:
        DependencyError: if that package cannot be imported, which mmengine would keep to itself.
    """
    scope = config.get('default_scope') or _PACKAGES[0]
    if scope in _PACKAGES:
        try:
            importlib.import_module(f'{scope}.datasets')  # mmdet's need mmcv's operators, mmdet alone does not
        except Exception as error:  # their imports also check versions, by assertions
            raise DependencyError(
                f'{config.filename} needs {scope}, which cannot be imported ({describe(error)}); README.md says how to '
                f'install it'
            ) from error
    init_default_scope(scope)
