"""ShuffleNet V1 and V2 for MMPretrain, MMDetection and MindSpore.

Importing this package imports neither torch nor mindspore.
"""

import os

from shufflenet_zoo import announce

__version__ = '0.1.0'

# Importing onnxruntime would leave an identifier of the machine in the user's cache, for reports of use.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

announce.install()
