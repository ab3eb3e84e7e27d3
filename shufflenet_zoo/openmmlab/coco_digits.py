"""The digits detection set as a data set of mmdet, which makes its files where they are missing.

Not among the registry's locations, because classification must not import mmdet: a config names this module in
``custom_imports``.
"""

from typing import Any

from mmdet.datasets import CocoDataset

from shufflenet_zoo.data import digits
from shufflenet_zoo.data.digits_detection import ensure
from shufflenet_zoo.registry import DATASETS


@DATASETS.register_module()
class DigitsDetection(CocoDataset):
    """Handwritten digits on canvases of 256x256 pixels: 800 pictures for training, 200 for validation.

    Args:
        data_root: Folder of the files; they are made if it does not exist.
        **kwargs: Further arguments of mmdet's CocoDataset.

    Raises:
        DataError: if the folder holds something else, or cannot be written.
    """

    METAINFO = {  # noqa: RUF012
        'classes': digits.CLASSES,
        'palette': [
            (230, 25, 75),
            (60, 180, 75),
            (255, 225, 25),
            (0, 130, 200),
            (245, 130, 48),
            (145, 30, 180),
            (70, 240, 240),
            (240, 50, 230),
            (210, 245, 60),
            (0, 128, 128),
        ],
    }

    def __init__(self, *args: Any, data_root: str, **kwargs: Any) -> None:
        super().__init__(*args, data_root=str(ensure(data_root)), **kwargs)
