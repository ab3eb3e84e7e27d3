"""Lets mmpretrain find the published weights by name: list_models, get_model, inference_model and its inferencers.

mmpretrain has no entry for other packages' models; so they are registered when its hub of models is imported, whichever
of the two packages comes first. Nothing is imported for that.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_HUB = 'mmpretrain.apis.model'
_INDEX = 'model-index.yml'


def install() -> None:
    """Register the published weights with mmpretrain, now or when it is imported; a second time changes nothing."""
    if _HUB in sys.modules:
        _register(sys.modules[_HUB])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds mmpretrain's hub where Python does, once."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _HUB:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads it as its own loader does, and registers our weights."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register(module)


def _register(module: ModuleType) -> None:
    package = Path(__file__).parent
    # The package's own index, else the checkout's.
    index = next((file for folder in (package / '.mim', package.parent) if (file := folder / _INDEX).is_file()), None)
    known = module.ModelHub._models_dict
    if index is None or any(Path(info.filepath).is_relative_to(index.parent) for info in known.values()):
        return
    before = set(known)
    module.ModelHub.register_model_index(index, config_prefix=index.parent)
    for name in known.keys() - before:
        # The index says where their publishers have them; under their address they are checked and converted.
        known[name].weights = f'zoo://{known[name].name}'
