"""The architecture of ShuffleNet V1 and V2 as data; nothing here imports a framework.

``units`` has the units with their convolutions, ``plans`` resolves a network's arguments into a plan,
``architecture`` is a network as one value, ``variants`` names the networks, ``complexity`` counts them, ``channels``
follows channels through their shuffles, and ``routes`` finds what convolutions read once the shuffles are gone.
"""

from shufflenet_zoo.arch.architecture import SCOPE, V1, V2, Architecture, feature_channels, plan_backbone
from shufflenet_zoo.arch.plans import ALL_STAGES, STEM_OUTPUT, Plan, Stem, plan_v1, plan_v2
from shufflenet_zoo.arch.units import Conv, V1Unit, V2Unit

__all__ = [
    'ALL_STAGES',
    'SCOPE',
    'STEM_OUTPUT',
    'V1',
    'V2',
    'Architecture',
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
