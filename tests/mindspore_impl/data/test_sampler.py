"""The order of the samples against torch and mmengine."""

import numpy as np
import pytest

from shufflenet_zoo.mindspore_impl.data.sampler import epoch_order, randperm, share


@pytest.mark.parametrize('seed', [0, 1, 12345, 2**31 - 1, 2**32 + 7])
@pytest.mark.parametrize('length', [1, 2, 7, 623, 1442, 50000])
def test_randperm_equals_torchs(length, seed):
    torch = pytest.importorskip('torch')
    expected = torch.randperm(length, generator=torch.Generator().manual_seed(seed)).numpy()
    np.testing.assert_array_equal(randperm(length, seed), expected)


def test_randperm_without_torch():
    # What torch 2.9.1 gives, so that a machine without torch notices a change of numpy's generator.
    assert randperm(10, 0).tolist() == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]


@pytest.mark.parametrize('shuffle', [True, False])
@pytest.mark.parametrize('epoch', [0, 3])
def test_order_equals_mmengines_default_sampler(shuffle, epoch):
    pytest.importorskip('torch')
    from mmengine.dataset import DefaultSampler

    sampler = DefaultSampler(range(101), shuffle=shuffle, seed=5)
    sampler.set_epoch(epoch)
    assert epoch_order(101, shuffle, 5, epoch).tolist() == list(sampler)


@pytest.mark.parametrize(('length', 'count'), [(101, 2), (7, 8), (96, 3)])
def test_shares_equal_mmengines(length, count, monkeypatch):
    pytest.importorskip('torch')
    from mmengine.dataset import sampler as mmengine

    for rank in range(count):
        monkeypatch.setattr(mmengine, 'get_dist_info', lambda: (rank, count))  # noqa: B023 - called in this turn
        expected = list(mmengine.DefaultSampler(range(length), seed=5))
        assert share(epoch_order(length, True, 5, 0), rank, count).tolist() == expected
