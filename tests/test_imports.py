"""The rooms of the house: imports point one way, go in no circle, and the lower rooms import no framework."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'shufflenet_zoo'
# From the foundation up: a module imports from rooms below its own, and from its own.
FLOORS = (
    ('announce',),
    ('errors', 'registry', 'atomic', '__init__'),
    ('arch',),
    ('data', 'jobs', 'deployed', 'figures'),
    ('weights',),
    ('backbones', 'mindspore_impl', 'mindspore_impl.data'),
    ('openmmlab', 'mindspore_impl.training'),
    ('benchmark', 'demo', 'equivalence', 'export'),
    ('commands',),
    ('tools', '__main__'),
)
# Neighbours on one floor: from, to.
NEIGHBOURS = {
    ('jobs', 'data'),
    ('deployed', 'data'),
    ('deployed', 'jobs'),
    ('figures', 'jobs'),
    ('mindspore_impl.data', 'mindspore_impl'),
    ('equivalence', 'export'),
    ('benchmark', 'export'),
    ('demo', 'export'),
}
# Rooms that a machine with one of the frameworks, or with none, can import.
FRAMEWORKLESS = (
    'announce',
    'arch',
    'weights',
    'jobs',
    'data',
    'figures',
    'deployed',
    'errors',
    'registry',
    'atomic',
    '__init__',
)
FRAMEWORKS = ('torch', 'torchvision', 'mmcv', 'mmpretrain', 'mmdet', 'mindspore')
# mmengine's own modules that import torch.
TORCH_PARTS = ('mmengine.runner', 'mmengine.model', 'mmengine.hooks', 'mmengine.optim', 'mmengine.dist')
# Which rooms belong to one framework, and what they must never import.
ONE_FRAMEWORK = {
    'backbones': ('mindspore', 'mindspore_impl'),
    'openmmlab': ('mindspore', 'mindspore_impl'),
    'mindspore_impl': ('torch', 'mmcv', 'mmpretrain', 'mmdet', 'backbones', 'openmmlab'),
}


def sources() -> dict[str, Path]:
    """Every module by the name it is imported by."""
    found = {}
    for folder, name in ((PACKAGE, PACKAGE), *((f, f'{PACKAGE}.{f}') for f in ('backbones', 'mindspore_impl'))):
        for path in sorted((ROOT / folder).rglob('*.py')):
            parts = path.relative_to(ROOT / folder).with_suffix('').parts
            found['.'.join((name, *parts)).removesuffix('.__init__')] = path
    found |= {f'{PACKAGE}.tools.{path.stem}': path for path in sorted((ROOT / 'tools').glob('*.py'))}
    return {name: path for name, path in found.items() if '.mim' not in path.parts}


SOURCES = sources()


@cache
def imports(name: str, module_level_only: bool = False) -> tuple[str, ...]:
    """Return the modules that a module names in import statements, ours as far as the file."""
    return tuple(_imports(name, module_level_only))


def _imports(name: str, module_level_only: bool) -> Iterator[str]:
    tree = ast.parse(SOURCES[name].read_text(encoding='utf-8'))
    for node in tree.body if module_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = [f'{node.module}.{alias.name}' for alias in node.names]
            yield from (full if full in SOURCES else node.module for full in inner)


def room(name: str) -> str:
    """Return the room of one of our modules."""
    parts = name.split('.')[1:]
    if not parts:
        return '__init__'
    nested = '.'.join(parts[:2])
    return nested if any(nested in floor for floor in FLOORS) else parts[0]


@cache
def arrows() -> set[tuple[str, str]]:
    """Every import between our modules, as (importing, imported)."""
    return {(name, other) for name in SOURCES for other in imports(name) if other in SOURCES and other != name}


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room(name) in rooms)


def test_imports_point_down():
    def allowed(name: str, other: str) -> bool:
        return floor(other) < floor(name) or room(other) == room(name) or (room(name), room(other)) in NEIGHBOURS

    assert not sorted((name, other) for name, other in arrows() if not allowed(name, other))


def test_imports_go_in_no_circle():
    left = {name: {other for source, other in arrows() if source == name} for name in SOURCES}
    while left:
        leaves = {name for name, others in left.items() if not others & left.keys()}
        assert leaves, f'a circle among {sorted(left)}'
        left = {name: others for name, others in left.items() if name not in leaves}


@pytest.mark.parametrize('name', [name for name in SOURCES if room(name) in FRAMEWORKLESS])
def test_lower_rooms_import_no_framework(name):
    found = [module for module in imports(name, module_level_only=True) if module.split('.')[0] in FRAMEWORKS]
    assert not found + [module for module in imports(name, module_level_only=True) if module.startswith(TORCH_PARTS)]


@pytest.mark.parametrize('name', [name for name in SOURCES if room(name).split('.')[0] in ONE_FRAMEWORK])
def test_the_frameworks_never_import_each_other(name):
    others = ONE_FRAMEWORK[room(name).split('.')[0]]
    found = [module.removeprefix(f'{PACKAGE}.').split('.')[0] for module in imports(name)]
    assert not set(found) & set(others)
