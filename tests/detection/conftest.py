"""Detection needs mmdet and mmcv's compiled operators."""

import pytest
from helpers.tiny_coco import write_coco

pytest.importorskip('mmcv._ext')
pytest.importorskip('mmdet')


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    """A tiny data set with COCO's classes."""
    from mmdet.datasets import CocoDataset

    return write_coco(tmp_path_factory.mktemp('data') / 'coco', CocoDataset.METAINFO['classes'])
