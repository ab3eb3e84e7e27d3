"""Small networks that differ in what ShuffleNet V2's guidelines for fast networks are about, each at equal arithmetic.

V2, section 2 and tables 1 to 4: ten blocks at a quarter of the images' size, without norms. What is varied is the ratio
of the widths (G1), the groups (G2), the fragments (G3) and the elementwise operations (G4).
"""

from collections.abc import Callable
from typing import Any

_BLOCKS = 10
# Channels in and within a block, by the ratio of the two; their product is the same.
_WIDTHS = {'1:1': (128, 128), '1:2': (90, 180), '1:6': (52, 312), '1:12': (36, 432)}
# Channels by groups; their square divided by the groups is the same.
_GROUPS = {1: 128, 2: 180, 4: 256, 8: 360}
# Channels by fragments; their square times the fragments is the same.
_FRAGMENTS = {1: 128, 2: 90, 4: 64}
_BOTTLENECK = 64


def _stack(channels: int, make_block: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that builds a stem and blocks."""

    def build() -> Any:
        from torch import nn

        stem = nn.Conv2d(3, channels, 3, stride=4, padding=1)
        return nn.Sequential(stem, *(make_block() for _ in range(_BLOCKS)))

    return build


def _widths(outer: int, inner: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(outer, inner, 1), nn.Conv2d(inner, outer, 1))


def _grouped(channels: int, groups: int) -> Any:
    from torch import nn

    return nn.Sequential(*(nn.Conv2d(channels, channels, 1, groups=groups) for _ in range(2)))


def _fragments(channels: int, count: int, parallel: bool) -> Any:
    from torch import nn

    class Sum(nn.ModuleList):
        def forward(self, x: Any) -> Any:
            return sum(module(x) for module in self)

    convolutions = [nn.Conv2d(channels, channels, 1) for _ in range(count)]
    return Sum(convolutions) if parallel else nn.Sequential(*convolutions)


def _bottleneck(relu: bool, shortcut: bool) -> Any:
    from torch import nn

    class Block(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return x + super().forward(x) if shortcut else super().forward(x)

    layers: list[nn.Module] = []
    for kernel in (1, 3, 1):
        layers += [nn.Conv2d(_BOTTLENECK, _BOTTLENECK, kernel, padding=kernel // 2), *([nn.ReLU()] if relu else [])]
    return Block(*layers)


NETWORKS = {
    **{
        f'g1/{ratio}': _stack(outer, lambda outer=outer, inner=inner: _widths(outer, inner))
        for ratio, (outer, inner) in _WIDTHS.items()
    },
    **{
        f'g2/groups={groups}': _stack(channels, lambda channels=channels, groups=groups: _grouped(channels, groups))
        for groups, channels in _GROUPS.items()
    },
    **{
        f'g3/{count}-{"parallel" if parallel else "series"}': _stack(
            channels,
            lambda channels=channels, count=count, parallel=parallel: _fragments(channels, count, parallel),
        )
        for count, channels in _FRAGMENTS.items()
        for parallel in (False, True)
        if count > 1 or not parallel
    },
    **{
        f'g4/{name}': _stack(_BOTTLENECK, lambda relu=relu, shortcut=shortcut: _bottleneck(relu, shortcut))
        for name, relu, shortcut in (
            ('neither', False, False),
            ('relu', True, False),
            ('shortcut', False, True),
            ('both', True, True),
        )
    },
}
# What the others of a guideline are compared with.
BASELINES = ('g1/1:1', 'g2/groups=1', 'g3/1-series', 'g4/neither')
