"""Registries of scope ``shufflenet_zoo``.

mmengine imports ``<scope>.registry`` for any scoped type, so ``type='shufflenet_zoo.ShuffleNetV2'`` works in
every mmpretrain or mmdet config without ``custom_imports``.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

SCOPE = 'shufflenet_zoo'

MODELS = Registry(
    'model',
    parent=mmengine_registry.MODELS,
    scope=SCOPE,
    locations=['shufflenet_zoo.backbones'],
)
DATASETS = Registry(
    'dataset',
    parent=mmengine_registry.DATASETS,
    scope=SCOPE,
    locations=['shufflenet_zoo.openmmlab.datasets'],
)
HOOKS = Registry(
    'hook',
    parent=mmengine_registry.HOOKS,
    scope=SCOPE,
    locations=['shufflenet_zoo.openmmlab.hooks'],
)
LOOPS = Registry(
    'loop',
    parent=mmengine_registry.LOOPS,
    scope=SCOPE,
    locations=['shufflenet_zoo.openmmlab.loops'],
)
OPTIM_WRAPPERS = Registry(
    'optim_wrapper',
    parent=mmengine_registry.OPTIM_WRAPPERS,
    scope=SCOPE,
    locations=['shufflenet_zoo.openmmlab.amp'],
)
