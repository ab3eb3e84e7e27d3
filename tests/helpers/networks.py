"""The networks that the backbone tests ask the same questions: every structural option at least once."""

from collections.abc import Collection, Iterable

import pytest
import torch
from torch import nn

from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.registry import MODELS

V1 = {'type': 'shufflenet_zoo.ShuffleNetV1', 'widen_factor': 0.5, 'width_rule': 'paper'}
V2 = {'type': 'shufflenet_zoo.ShuffleNetV2', 'widen_factor': 0.5}

STRUCTURES = {
    'v1-g1': V1 | {'groups': 1},
    'v1-g3': V1,
    'v1-g8-megvii': V1 | {'groups': 8, 'shuffle_order': 'megvii', 'stem_rule': 'megvii'},
    'v1-unshuffled': V1 | {'groups': 4, 'shuffle_order': 'none'},
    'v1-small-stem': V1 | {'small_stem': True, 'in_channels': 1},
    'v1-stride-16': V1 | {'output_stride': 16},
    'v1-stride-8': V1 | {'output_stride': 8},
    'v1-same-pools': V1 | {'pool_padding': 'same'},
    'v1-every-output': V1 | {'out_indices': ('stem', 0, 1, 2)},
    'v2': V2,
    'v2-megvii': V2 | {'down_unit': 'keep', 'shuffle': 'even_odd'},
    'v2-keep-interleave': V2 | {'down_unit': 'keep'},
    'v2-star': V2 | {'extra_depthwise': True},
    'v2-se': V2 | {'se': True},
    'v2-se-residual': V2 | {'se': True, 'residual': True},
    'v2-50': {'type': 'shufflenet_zoo.ShuffleNetV2', 'depth': 50, 'last_channels': 64},
    'v2-small-stem': V2 | {'small_stem': True, 'in_channels': 1},
    'v2-stride-8': V2 | {'output_stride': 8},
    'v2-ceil-pool': V2 | {'pool_padding': 'ceil'},
    'v2-same-pool': V2 | {'pool_padding': 'same'},
    'v2-every-output': V2 | {'out_indices': ('stem', 0, 1, 2, 3)},
}


def slow_but(names: Iterable[str], quick: Collection[str]) -> list:
    """Parameters of a test that are marked slow but for a few."""
    assert set(quick) <= set(names)
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def _one_width_per_structure() -> list[str]:
    narrowest = {}
    for name, variant in VARIANTS.items():
        options = {key: value for key, value in variant.backbone.items() if key not in ('widen_factor', 'stem_rule')}
        narrowest.setdefault(str(options), name)
    # The deepest takes longer than all others; v2_50 has its blocks but for what the structures below combine.
    return [name for name in narrowest.values() if name != 'shufflenet_v2_se_164']


# That no width sends a channel astray is shown on channel numbers; the frameworks build the others with the slow tests.
VARIANT_PARAMETERS = slow_but(VARIANTS, _one_width_per_structure())


def build(cfg: dict, **overrides) -> nn.Module:
    """Build and initialises a backbone, always with the same weights."""
    torch.manual_seed(0)
    model = MODELS.build(cfg | overrides)
    model.init_weights()
    return model


def images(cfg: dict, height: int = 64, width: int = 64, batch: int = 2) -> torch.Tensor:
    """Random images that the network takes."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, cfg.get('in_channels', 3), height, width, generator=generator)
