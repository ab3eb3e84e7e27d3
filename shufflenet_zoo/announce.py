"""Tells mmpretrain and mmengine of this package: models and weights by name, configs as ``shufflenet_zoo::...``.

Neither has an entry for other packages; so each is told when its module is imported, whichever comes first. Nothing is
imported for that.
"""

import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).parent
_DISTRIBUTION = 'shufflenet-zoo'
_INDEX = 'model-index.yml'


def install() -> None:
    """Tell each of them now, and whenever it is imported; a second time changes nothing."""
    for name, tell in _TOLD.items():
        if name in sys.modules:
            tell(sys.modules[name])
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules where Python does. It stays, because mmengine reloads pkg_resources."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _TOLD:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec:
            spec.loader = _Loader(spec.loader, _TOLD[name])
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module as its own loader does, and tells it of this package."""

    def __init__(self, loader: importlib.abc.Loader, tell: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._tell = tell

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._tell(module)


def _tell_of_configs(module: ModuleType) -> None:
    module.MODULE2PACKAGE[_PACKAGE.name] = _DISTRIBUTION


def _tell_of_location(module: ModuleType) -> None:
    """Mmengine asks for the distribution's folder, and that of an editable install does not hold the package."""
    distribution = module.working_set.by_key.get(_DISTRIBUTION)
    if distribution and not Path(distribution.location, _PACKAGE.name).exists():
        distribution.location = str(_PACKAGE.parent)


def _tell_of_models(module: ModuleType) -> None:
    # The package's own index, else the checkout's.
    index = next((file for folder in (_PACKAGE / '.mim', _PACKAGE.parent) if (file := folder / _INDEX).is_file()), None)
    known = module.ModelHub._models_dict
    if index is None or any(Path(info.filepath).is_relative_to(index.parent) for info in known.values()):
        return
    before = set(known)
    module.ModelHub.register_model_index(index, config_prefix=index.parent)
    for name in known.keys() - before:
        # The index says where their publishers have them; under their address they are checked and converted.
        known[name].weights = f'zoo://{known[name].name}'


# For list_models, get_model, inference_model and the inferencers; for _base_ = 'shufflenet_zoo::...' and get_config.
_TOLD = {
    'mmpretrain.apis.model': _tell_of_models,
    'mmengine.config.utils': _tell_of_configs,
    'pkg_resources': _tell_of_location,
}
