"""mmdet's SSD head, able to predict.

Imports mmdet, which classification must not: a config names this module in ``custom_imports``.
"""

from mmdet.models.dense_heads import SSDHead as _SSDHead

from shufflenet_zoo.registry import MODELS


@MODELS.register_module()
class SSDHead(_SSDHead):
    """mmdet 3.3.0's prediction asks every head for ``loss_cls``, which its own SSD head does not have."""

    loss_cls = None
