"""The named networks."""

import pytest

from shufflenet_zoo.arch.variants import VARIANTS, get_variant, list_models
from shufflenet_zoo.errors import ArgumentError


def test_every_cell_of_v1_table_2_is_a_variant_with_its_error():
    for groups in (1, 2, 3, 4, 8):
        for width in (0.25, 0.5, 1.0):
            sources = {result.source for result in VARIANTS[f'shufflenet_v1_g{groups}_{width}x'].published}
            assert 'V1 paper' in sources


@pytest.mark.parametrize(
    ('name', 'source', 'top1', 'top5'),
    [
        ('shufflenet_v1_g8_0.25x', 'V1 paper', 47.3, None),
        ('shufflenet_v1_g3_1.0x', 'mmpretrain', 68.13, 87.81),
        ('shufflenet_v2_2.0x', 'torchvision', 76.23, 93.006),
        ('shufflenet_v2_megvii_0.5x', 'megvii', 61.1, 82.6),
        ('shufflenet_v2_se_164', 'V2 paper', 81.44, None),
    ],
)
def test_published_accuracies(name, source, top1, top5):
    results = {result.source: result for result in VARIANTS[name].published}
    assert (results[source].top1, results[source].top5) == (top1, top5)


def test_unknown_variant_is_refused_by_name():
    with pytest.raises(ArgumentError, match='no variant .shufflenet_v2_1x.; there are 47, such as shufflenet_v2_1.*x'):
        get_variant('shufflenet_v2_1x')


def test_names_by_pattern():
    assert list_models() == list(VARIANTS)
    assert list_models('shufflenet_v1_g3_*') == [name for name in VARIANTS if name.startswith('shufflenet_v1_g3_')]
    assert not list_models('resnet*')
