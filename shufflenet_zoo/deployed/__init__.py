"""Exported files where no framework is installed: numpy, OpenCV, Pillow and the runtime of the format are enough.

Examples:
    >>> from shufflenet_zoo import deployed
    >>> model = deployed.load('shufflenet_v2.onnx')
    >>> [(found.label, found.score) for found in model('digit.png', top_k=1)]
    [('7', 0.998...)]
"""

from shufflenet_zoo.deployed.classifier import Classifier
from shufflenet_zoo.deployed.detector import Detector
from shufflenet_zoo.deployed.loading import load

__all__ = ['Classifier', 'Detector', 'load']
