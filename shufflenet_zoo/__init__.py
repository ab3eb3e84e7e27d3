"""ShuffleNet V1 and V2 for MMPretrain, MMDetection and MindSpore.

Importing this package imports neither torch nor mindspore.
"""

from shufflenet_zoo import model_hub

__version__ = '0.1.0'

model_hub.install()
