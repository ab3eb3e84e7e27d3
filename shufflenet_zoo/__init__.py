"""ShuffleNet V1 and V2 for MMPretrain, MMDetection and MindSpore.

Importing this package imports neither torch nor mindspore.
"""

from shufflenet_zoo import announce

__version__ = '0.1.0'

announce.install()
