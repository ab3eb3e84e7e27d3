"""The decoder in numpy finds what mmdet's heads find, whatever their priors, codes and scores are."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers.tiny_job import ROOT
from torch import nn

from shufflenet_zoo.deployed.decoding import Decoding, Level, decode
from shufflenet_zoo.deployed.metadata import DETECTOR_OUTPUTS, HEAD_OUTPUTS, DetectorMetadata, output_names
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.comparison import Limits, compare_boxes

FOLDER = ROOT / 'configs' / 'detection'
SIZE = (320, 256)


class Given(nn.Module):
    """A detector's head behind given maps."""

    def __init__(self, head: nn.Module, maps: tuple[list, list]) -> None:
        super().__init__()
        self.bbox_head = head
        head.forward = lambda features: maps

    def extract_feat(self, images: torch.Tensor) -> None:
        return None


def make_detector(name: str, **changes) -> tuple[Given, tuple[list, list]]:
    """Return a detector with the head of a config, and the random maps that the head gives."""
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.openmmlab.predictor import build_model

    torch.manual_seed(0)
    head = build_model(load_config(FOLDER / name, changes)).bbox_head.eval()
    levels = zip(head.prior_generator.strides, head.prior_generator.num_base_priors, strict=True)
    sizes = [(priors, -(-SIZE[0] // stride[1]), -(-SIZE[1] // stride[0])) for stride, priors in levels]
    scores = [torch.randn(1, priors * head.cls_out_channels, *size) * 2 - 3 for priors, *size in sizes]
    codes = [torch.randn(1, priors * 4, *size) for priors, *size in sizes]
    if type(head.bbox_coder).__name__ == 'DistancePointBBoxCoder':
        codes = [level.abs() * 40 for level in codes]
    return Given(head, (scores, codes)), (scores, codes)


@pytest.mark.parametrize(
    ('name', 'changes'),
    [
        # Boxes beyond the edges, and sides of zero there.
        ('retinanet_shufflenet-v2-1x_digits.py', {}),
        ('retinanet_shufflenet-v2-1x_digits.py', {'model.bbox_head.bbox_coder.target_stds': [0.1, 0.1, 0.2, 9.0]}),
        ('ssdlite_shufflenet-v2-1x_320_coco.py', {}),
        ('rtmdet-tiny_shufflenet-v2-1x_640_coco.py', {'model.test_cfg.min_bbox_size': 30}),
    ],
)
def test_finds_what_mmdet_finds(name, changes):
    from shufflenet_zoo.export.detector_modules import Outputs, describe_decoding

    detector, maps = make_detector(name, **changes)
    said = describe_decoding(detector, detector.bbox_head, 3, SIZE)
    predict = partial(detector.bbox_head.predict_by_feat, *maps, batch_img_metas=[{'img_shape': SIZE}], rescale=False)
    live, candidates = (
        (found.bboxes.numpy(), found.scores.numpy(), found.labels.numpy())
        for found in (*predict(), *predict(with_nms=False))
    )
    outputs, codes = (output[0].numpy() for output in Outputs(detector)(None))
    found = decode(outputs, codes, said, SIZE)
    compared = compare_boxes(live, found, candidates, Limits(said.score_threshold, said.iou_threshold, said.max_boxes))
    assert not compared.undecided
    assert compared.boxes > 90 and len(found[0]) == said.max_boxes
    assert compared.pixels < 2e-4 and compared.score < 1e-6
    assert (np.diff(found[1]) <= 0).all()


def test_the_description_of_a_head_of_mmdet_survives_a_file():
    from shufflenet_zoo.export.detector_modules import describe_decoding

    detector, _ = make_detector('ssdlite_shufflenet-v2-1x_320_coco.py')
    said = describe_decoding(detector, detector.bbox_head, 3, SIZE)
    metadata = DetectorMetadata((0.0,) * 3, (1.0,) * 3, 'rgb', SIZE, ('a', 'b'), decoding=said)
    assert DetectorMetadata.from_texts(metadata.as_texts()) == metadata
    assert output_names(metadata.as_texts()) == HEAD_OUTPUTS
    assert output_names(DetectorMetadata((), (), 'rgb', SIZE, ()).as_texts()) == DETECTOR_OUTPUTS


def test_a_code_of_mmdet_that_is_not_known_is_refused():
    from shufflenet_zoo.export.detector_modules import describe_decoding

    detector, _ = make_detector('retinanet_shufflenet-v2-1x_digits.py')
    detector.bbox_head.bbox_coder.add_ctr_clamp = True
    with pytest.raises(ConfigError, match='add_ctr_clamp'):
        describe_decoding(detector, detector.bbox_head, 3, SIZE)


def test_nothing_found_and_scores_that_are_no_numbers():
    said = Decoding((Level((2, 2), (8, 8), ((0.0, 0.0),)),), 'sigmoid', 0.5, 10, 0.5, 10)
    for outputs in (np.full((4, 2), -9, np.float32), np.full((4, 2), np.nan, np.float32)):
        boxes, scores, labels = decode(outputs, np.ones((4, 4), np.float32), said, (16, 16))
        assert boxes.shape == (0, 4) and scores.shape == labels.shape == (0,)
