"""Finding a network among tensors: in which layout its names are, behind which prefix, and what is there besides it."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.layouts import LAYOUT_NAMES, LAYOUTS, Layout

# Where models keep the network whose head is their own.
_BACKBONE = 'backbone.'
# Counters beside the weights in averaged models.
_AVERAGING_COUNTERS = ('steps', 'n_averaged')


@dataclass(frozen=True)
class Subtree:
    """A network among the tensors of a file.

    Attributes:
        layout: The layout of its names.
        prefix: What stands before them, such as 'model.backbone.'.
        root: What stands before its head, such as 'model.'.
    """

    layout: Layout
    prefix: str
    root: str

    def split(self, tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return the network's tensors by their names in the layout, and the full names of all others.

        Raises:
            CheckpointError: if a tensor of the head is there twice, within the network and beside it.
        """
        inside: dict[str, np.ndarray] = {}
        outside = []
        for key, value in tensors.items():
            if key.rpartition('.')[2] in _AVERAGING_COUNTERS:
                continue
            is_head = key.startswith(f'{self.root}{self.layout.head}.')
            if not is_head and not key.startswith(self.prefix):
                outside.append(key)
                continue
            name = key.removeprefix(self.root if is_head else self.prefix)
            if name in inside:
                raise CheckpointError(f'tensor {name} is there twice, behind {self.prefix!r} and {self.root!r}')
            inside[name] = value
        return inside, outside

    def full_name(self, key: str) -> str:
        """Return the name in the file of a tensor of the network."""
        return f'{self.root if key.startswith(f"{self.layout.head}.") else self.prefix}{key}'

    def summary(self, names: Iterable[str]) -> str:
        """Return a text that names tensors beside the network, those of one module together."""
        modules: dict[str, list[str]] = {}
        for name in names:
            modules.setdefault(self._module(name), []).append(name)
        return ', '.join(
            f'{module}.* ({len(inner)} tensors)' if len(inner) > 1 else inner[0] for module, inner in modules.items()
        )

    def _module(self, name: str) -> str:
        """Return the outermost module of a tensor that has nothing of the network."""
        parts, own = name.split('.'), self.prefix.split('.')
        shared = next((i for i, part in enumerate(parts) if i >= len(own) or own[i] != part), 0)
        return '.'.join(parts[: shared + 1])


def find_subtree(tensors: Mapping[str, np.ndarray], layout: str | None = None, prefix: str | None = None) -> Subtree:
    """Find the one network among tensors.

    Args:
        tensors: Arrays by name.
        layout: Name of its layout. Default: None, any.
        prefix: What its names begin with, or the first part of that. Default: None, anything.

    Raises:
        CheckpointError: if there is none, or there are several.
    """
    if layout is not None and layout not in LAYOUT_NAMES:
        raise CheckpointError(f'layout {layout!r} is unknown; known are {", ".join(LAYOUT_NAMES)}')
    found = _find_all(tensors, layout)
    if not found:
        raise CheckpointError(_no_network(tensors, layout))
    chosen = _choose(found, prefix)
    listed = ', '.join(f'{name or "(none)"} ({layouts[0].name})' for name, layouts in found.items())
    if not chosen:
        raise CheckpointError(f'no network has names that begin with {prefix!r}; there are those behind {listed}')
    if len(chosen) > 1:
        raise CheckpointError(
            f'there are several networks in it, behind {listed}; choose one by its prefix, as --prefix {chosen[0]}'
        )
    (name,) = chosen
    # mindcv's list form and the MindSpore tutorial differ in the classifier's bias alone.
    candidates = [Subtree(each, name, _root(tensors, name, each)) for each in found[name]]
    with_head = [one for one in candidates if (f'{one.root}{one.layout.head}.bias' in tensors) == one.layout.head_bias]
    return (with_head or candidates)[0]


def layout_in(tensors: Mapping[str, np.ndarray]) -> str | None:
    """Return the name of the layout of the network among tensors, None where there is none or several have it."""
    names = {layouts[0].name for layouts in _find_all(tensors).values()}
    return names.pop() if len(names) == 1 else None


def need_other_names(tensors: Mapping[str, np.ndarray], names: Container[str]) -> bool:
    """Whether tensors are those of networks that we know, and none is named as in a network with the names."""
    found = _find_all(tensors)
    starts = ((prefix, _signature(layout)) for prefix, layouts in found.items() for layout in layouts)
    fitting = (all(prefix + key in names for key in signature) for prefix, signature in starts)
    return bool(found) and not any(fitting)


def _find_all(tensors: Mapping[str, np.ndarray], name: str | None = None) -> dict[str, list[Layout]]:
    """Return the layouts, of all or of those with a name, whose first unit is there, by the prefix before it."""
    found: dict[str, list[Layout]] = {}
    for layout in LAYOUTS:
        if name not in (None, layout.name):
            continue
        first, *others = sorted(_signature(layout))
        for prefix in (key.removesuffix(first) for key in tensors if f'.{key}'.endswith(f'.{first}')):
            if all(prefix + other in tensors for other in others):
                found.setdefault(prefix, []).append(layout)
    return dict(sorted(found.items()))


def _choose(found: Iterable[str], prefix: str | None) -> list[str]:
    """Return the prefixes that one is, or begins."""
    if prefix is None:
        return [*found]
    wanted = f'{prefix.rstrip(".")}.' if prefix else ''
    return [name for name in found if name == wanted] or [name for name in found if name.startswith(wanted)]


def _root(tensors: Mapping[str, np.ndarray], prefix: str, layout: Layout) -> str:
    """Return what stands before the head: a head within the network, or beside its backbone."""
    return prefix if f'{prefix}{layout.head}.weight' in tensors else prefix.removesuffix(_BACKBONE)


def _signature(layout: Layout) -> set[str]:
    """The names that the first unit's convolutions and normalisations, and others' stems, have in a layout."""
    keys = set()
    for name, _, conv, norm in layout.conv_modules(Architecture(layout.family, {}).plan):
        # Our own stem has other names in a deep network.
        if name.startswith('layers.0.0.') or (name == 'conv1' and not layout.is_ours):
            keys |= {f'{conv}.0.weight' if conv.endswith('.convs') else f'{conv}.weight', f'{norm}.{layout.norm[2]}'}
    return keys


def _no_network(tensors: Mapping[str, np.ndarray], name: str | None) -> str:
    """Return what to tell of tensors among which is no network: the layout that has most of their names."""
    if name and (others := _find_all(tensors)):
        right = dict.fromkeys(layout.name for layouts in others.values() for layout in layouts)
        return f'the names are not those of layout {name!r}, but of {" or ".join(right)}'
    what = f'layout {name!r}' if name else 'any known layout'
    shared, prefix, nearest = max((_shared(tensors, layout) for layout in LAYOUTS), key=lambda found: found[0])
    hint = ''
    if shared:
        missing = min(key for key in _signature(nearest) if prefix + key not in tensors)
        behind = f' behind {prefix!r}' if prefix else ''
        hint = (
            f' nearest is {nearest.name!r} ({nearest.family}), with {shared} names{behind}, but {missing} is missing;'
        )
    return (
        f'the names are not those of {what}:{hint} the weights begin with {next(iter(tensors))}; known layouts are '
        f'{", ".join(LAYOUT_NAMES)}'
    )


def _shared(tensors: Mapping[str, np.ndarray], layout: Layout) -> tuple[int, str, Layout]:
    """Count the names of a layout among tensors, behind the prefix that has most of them."""
    modules = layout.conv_modules(Architecture(layout.family, {}).plan)
    names = {
        name
        for _, _, conv, norm in modules
        for name in (f'{conv}.weight', f'{conv}.0.weight', *(f'{norm}.{part}' for part in layout.norm))
    }
    counts = Counter(key.removesuffix(rest) for key in tensors for rest in _endings(key) if rest in names)
    prefix, count = counts.most_common(1)[0] if counts else ('', 0)
    return count, prefix, layout


def _endings(name: str) -> Iterator[str]:
    """Yield a dotted name without more and more of its first parts."""
    while name:
        yield name
        name = name.partition('.')[2]
