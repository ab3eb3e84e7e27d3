"""Weight layouts of ShuffleNet's publishers, and the conversion between them.

Importing this package imports neither torch nor mindspore; reading their files does, where it must.
"""

from shufflenet_zoo.weights.api import backbone_of_file, check_backbone, convert_file
from shufflenet_zoo.weights.convert import Weights, convert
from shufflenet_zoo.weights.files import read_weights, write_weights
from shufflenet_zoo.weights.index import get_weights, list_weights
from shufflenet_zoo.weights.layouts import LAYOUT_NAMES
from shufflenet_zoo.weights.recognise import identify

__all__ = [
    'LAYOUT_NAMES',
    'Weights',
    'backbone_of_file',
    'check_backbone',
    'convert',
    'convert_file',
    'get_weights',
    'identify',
    'list_weights',
    'read_weights',
    'write_weights',
]
