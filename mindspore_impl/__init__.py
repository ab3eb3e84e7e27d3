"""ShuffleNet V1 and V2 in MindSpore, and their trainer."""

from shufflenet_zoo.mindspore_impl.onednn import hold_at_avx2
from shufflenet_zoo.mindspore_impl.quiet import quieten_processes

# Before mindspore is imported, which reads the settings.
hold_at_avx2()
quieten_processes()

from shufflenet_zoo.mindspore_impl.checkpoint import load_weights, save_weights  # noqa: E402
from shufflenet_zoo.mindspore_impl.classifier import ImageClassifier, build_classifier  # noqa: E402
from shufflenet_zoo.mindspore_impl.factory import create_model, list_models, list_weights  # noqa: E402
from shufflenet_zoo.mindspore_impl.shufflenet_v1 import ShuffleNetV1, ShuffleUnit  # noqa: E402
from shufflenet_zoo.mindspore_impl.shufflenet_v2 import InvertedResidual, ShuffleNetV2  # noqa: E402

__all__ = [
    'ImageClassifier',
    'InvertedResidual',
    'ShuffleNetV1',
    'ShuffleNetV2',
    'ShuffleUnit',
    'build_classifier',
    'create_model',
    'list_models',
    'list_weights',
    'load_weights',
    'save_weights',
]
