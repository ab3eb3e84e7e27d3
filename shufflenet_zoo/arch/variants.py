"""The named networks: the backbone arguments of each, and the accuracies that were published for it.

A name reads ``shufflenet_v1_g<groups>_<width>x`` or ``shufflenet_v2[_<family>]_<width>x``. V1 variants have the
paper's widths, with megvii's stems where megvii published weights.
"""

import difflib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from shufflenet_zoo.arch.architecture import plan_backbone
from shufflenet_zoo.arch.plans import V1_MEGVII_STEMS, V1_STAGE2_CHANNELS, V1_WIDTHS, V2_CHANNELS, Plan
from shufflenet_zoo.errors import ArgumentError


@dataclass(frozen=True)
class Published:
    """An ImageNet-1k result at 224x224, single crop.

    Attributes:
        source: Who published it, and where.
        top1: Top-1 accuracy in percent.
        top5: Top-5 accuracy in percent, None where none was given.
    """

    source: str
    top1: float
    top5: float | None = None


@dataclass(frozen=True)
class Variant:
    """A named network.

    Attributes:
        name: The name, such as 'shufflenet_v1_g3_1.0x'.
        backbone: The backbone's config dict, for MMPretrain, MMDetection and MindSpore alike.
        head_bias: Whether the published weights have a bias in the classifier.
        published: Published results of exactly this structure.
    """

    name: str
    backbone: dict[str, Any]
    head_bias: bool
    published: tuple[Published, ...] = field(default=())

    def plan(self, **overrides: Any) -> Plan:
        """The resolved architecture, with backbone arguments overridden."""
        return plan_backbone(self.backbone | overrides)


# V1 Table 2 and, for 1.5x and 2.0x, Table 5: top-1 error by (groups, width).
_V1_PAPER_ERRORS = {
    **dict(zip([(g, 1.0) for g in (1, 2, 3, 4, 8)], (33.6, 32.7, 32.6, 32.8, 32.4), strict=True)),
    **dict(zip([(g, 0.5) for g in (1, 2, 3, 4, 8)], (45.1, 44.4, 43.2, 41.6, 42.3), strict=True)),
    **dict(zip([(g, 0.25) for g in (1, 2, 3, 4, 8)], (57.1, 56.8, 55.0, 54.2, 52.7), strict=True)),
    (3, 1.5): 28.5,
    (3, 2.0): 26.3,
}
# megvii's README: top-1 and top-5 error by (groups, width).
_V1_MEGVII_ERRORS = {
    (3, 0.5): (42.7, 20.0),
    (3, 1.0): (32.2, 12.3),
    (3, 1.5): (28.4, 9.8),
    (3, 2.0): (25.9, 8.6),
    (8, 0.5): (41.2, 19.0),
    (8, 1.0): (32.0, 13.6),
    (8, 1.5): (29.0, 10.4),
    (8, 2.0): (27.1, 9.2),
}
# V2 Table 8 and megvii's README: errors by width, of the unit whose projection keeps its input width.
_V2_PAPER_ERRORS = {0.5: 39.7, 1.0: 30.6, 1.5: 27.4, 2.0: 25.1}
_V2_MEGVII_ERRORS = {0.5: (38.9, 17.4), 1.0: (30.6, 11.1), 1.5: (27.4, 9.4), 2.0: (25.0, 7.6)}
# Accuracies by width, of the unit whose branches are both half as wide.
_V2_TORCHVISION = {0.5: (60.552, 81.746), 1.0: (69.362, 88.316), 1.5: (72.996, 91.086), 2.0: (76.23, 93.006)}
_V2_PADDLECLAS = {
    0.25: (49.90, 73.79),
    0.33: (53.73, 77.05),
    0.5: (60.32, 82.26),
    1.0: (68.80, 88.45),
    1.5: (71.63, 90.15),
    2.0: (73.15, 91.20),
}


def _from_errors(source: str, top1_error: float, top5_error: float | None = None) -> Published:
    return Published(source, round(100 - top1_error, 3), None if top5_error is None else round(100 - top5_error, 3))


def _v1_variant(groups: int, width: float) -> Variant:
    backbone = {'type': 'shufflenet_zoo.ShuffleNetV1', 'groups': groups, 'widen_factor': width, 'width_rule': 'paper'}
    if (groups, width) in V1_MEGVII_STEMS:
        backbone['stem_rule'] = 'megvii'
    published = []
    if (groups, width) in _V1_PAPER_ERRORS:
        published.append(_from_errors('V1 paper', _V1_PAPER_ERRORS[groups, width]))
    if (groups, width) in _V1_MEGVII_ERRORS:
        published.append(_from_errors("megvii (shuffle_order='megvii')", *_V1_MEGVII_ERRORS[groups, width]))
    if (groups, width) == (3, 1.0):
        published.append(Published('mmpretrain', 68.13, 87.81))
    return Variant(f'shufflenet_v1_g{groups}_{width}x', backbone, head_bias=False, published=tuple(published))


def _v2_variants(width: float) -> list[Variant]:
    base = {'type': 'shufflenet_zoo.ShuffleNetV2', 'widen_factor': width}
    published = [Published('PaddleClas', *_V2_PADDLECLAS[width])]
    if width in _V2_TORCHVISION:
        published.append(Published('torchvision', *_V2_TORCHVISION[width]))
    if width == 1.0:
        published.append(Published('mmpretrain', 69.55, 88.92))
    variants = [Variant(f'shufflenet_v2_{width}x', base, head_bias=True, published=tuple(published))]
    if width in _V2_PAPER_ERRORS:
        megvii = base | {'down_unit': 'keep', 'shuffle': 'even_odd'}
        published = (
            _from_errors('V2 paper', _V2_PAPER_ERRORS[width]),
            _from_errors('megvii', *_V2_MEGVII_ERRORS[width]),
        )
        variants.append(Variant(f'shufflenet_v2_megvii_{width}x', megvii, head_bias=False, published=published))
        star = base | {'extra_depthwise': True}
        variants.append(Variant(f'shufflenet_v2_star_{width}x', star, head_bias=True))
    return variants


def _v2_deep_variants() -> list[Variant]:
    base = {'type': 'shufflenet_zoo.ShuffleNetV2'}
    return [
        Variant(
            'shufflenet_v2_se_2.0x',
            base | {'widen_factor': 2.0, 'down_unit': 'keep', 'se': True},
            head_bias=True,
            published=(_from_errors('V2 paper', 24.6),),
        ),
        Variant('shufflenet_v2_50', base | {'depth': 50}, head_bias=True, published=(_from_errors('V2 paper', 22.8),)),
        Variant(
            'shufflenet_v2_se_164',
            base | {'depth': 164, 'se': True, 'residual': True},
            head_bias=True,
            published=(_from_errors('V2 paper', 18.56),),
        ),
    ]


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        *(_v1_variant(groups, width) for groups in V1_STAGE2_CHANNELS for width in V1_WIDTHS),
        *(variant for width in V2_CHANNELS for variant in _v2_variants(width)),
        *_v2_deep_variants(),
    )
}


def get_variant(name: str) -> Variant:
    """Return a named network.

    Raises:
        ArgumentError: if there is none of that name.
    """
    if name not in VARIANTS:
        close = difflib.get_close_matches(name, VARIANTS, n=3) or ['shufflenet_v1_g3_1.0x', 'shufflenet_v2_1.0x']
        raise ArgumentError(f'there is no variant {name!r}; there are {len(VARIANTS)}, such as {", ".join(close)}')
    return VARIANTS[name]


def list_models(pattern: str = '*') -> list[str]:
    """Return the names that create_model takes, in either framework.

    Args:
        pattern: Only names that match it, such as 'shufflenet_v1_g3_*'; 'shufflenet_' may be left out.
    """
    return [name for name in VARIANTS if fnmatch(name, pattern) or fnmatch(name, f'shufflenet_{pattern}')]
