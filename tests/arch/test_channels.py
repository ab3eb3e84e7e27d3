"""Numbers of channels go where mmpretrain's shuffles and splits of tensors take them."""

import numpy as np
import pytest
import torch
from mmpretrain.models.utils import channel_shuffle

from shufflenet_zoo.arch import plan_v1, plan_v2
from shufflenet_zoo.arch.channels import follow_stage, shuffle_sources


def shuffled(channels: torch.Tensor, groups: int) -> torch.Tensor:
    return channel_shuffle(channels[None, :, None, None], groups).flatten()


@pytest.mark.parametrize('groups', [2, 3, 4, 8])
def test_bottleneck_of_v1(groups):
    for stage in plan_v1(groups).stages:
        for unit in stage[1:]:
            expected = shuffled(torch.arange(unit.mid_channels), groups)
            assert np.array_equal(shuffle_sources(unit), expected.numpy())


@pytest.mark.parametrize('stage', plan_v2().stages, ids=['stage2', 'stage3', 'stage4'])
def test_stream_of_v2(stage):
    flow = follow_stage(stage)
    added = [torch.from_numpy(channels) for channels in flow.added]
    assert torch.cat(added).tolist() == list(range(sum(map(len, added))))
    x = shuffled(torch.cat(added[:2]), 2)
    for position, new in enumerate(added[2:]):
        kept, read = x.chunk(2)
        assert flow.reads[position].tolist() == read.tolist()
        assert set(flow.readers[read]) == {position}
        x = shuffled(torch.cat((kept, new)), 2)
    assert flow.output.tolist() == x.tolist()
    assert set(flow.readers[x]) == {len(flow.reads)}


def test_stream_of_megvii():
    """Its units split even from odd channels instead of shuffling, as its release does."""
    stage = plan_v2(shuffle='even_odd').stages[0]
    flow = follow_stage(stage)
    x = np.concatenate(flow.added[:2])
    for read, new in zip(flow.reads, flow.added[2:], strict=True):
        assert read.tolist() == x.reshape(-1, 2)[:, 1].tolist()
        x = np.concatenate([x.reshape(-1, 2)[:, 0], new])
    assert flow.output.tolist() == x.tolist()
