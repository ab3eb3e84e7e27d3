"""The architecture of ShuffleNet V1 and V2 as data; nothing here imports a framework.

``units`` has the units with their convolutions, ``plans`` resolves a network's arguments into a plan, ``variants``
names the networks, ``complexity`` counts them, ``routes`` follows channels through their shuffles.
"""

from shufflenet_zoo.arch.plans import (
    ALL_STAGES,
    STEM_OUTPUT,
    Plan,
    Stem,
    feature_channels,
    plan_backbone,
    plan_v1,
    plan_v2,
)
from shufflenet_zoo.arch.units import Conv, V1Unit, V2Unit

__all__ = [
    'ALL_STAGES',
    'STEM_OUTPUT',
    'Conv',
    'Plan',
    'Stem',
    'V1Unit',
    'V2Unit',
    'feature_channels',
    'plan_backbone',
    'plan_v1',
    'plan_v2',
]
