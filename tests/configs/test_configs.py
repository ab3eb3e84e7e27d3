"""Every config: readable without a framework, and its network can be built, its parts fitting, by any runner."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.jobs.config import AUTO, load_config

CONFIGS = Path(__file__).parents[2] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if not {'_base_', 'detection', 'distillation'} & set(path.parts))

# Other projects' recipes, whose schedules begin where they begin there.
TO_THE_LETTER = ('_mmpretrain_in1k', '_torchvision_in1k')


@cache
def load(path):
    return load_config(path)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config(path):
    config = load(path)
    plan = plan_backbone(config.model.backbone)
    assert config.model.head.in_channels == plan.out_channels[-1]
    assert config.model.head.num_classes == config.data_preprocessor.num_classes
    assert config.optim_wrapper.paramwise_cfg.norm_decay_mult == 0
    if 'in1k' in path.stem:
        version, width = path.stem.split('-')[1:3]
        assert config.model.backbone.type.endswith(version.upper())
        assert config.auto_scale_lr.base_batch_size == 1024
        if width.split('_')[0].endswith('x'):
            assert config.model.backbone.widen_factor == float(width.split('_')[0][:-1])
        if version == 'v1':
            assert path.stem.split('_')[0].endswith(f'-g{config.model.backbone.groups}')


@pytest.mark.parametrize('path', [path for path in LEAVES if 'published' not in path.parts], ids=lambda path: path.stem)
def test_channels_are_those_of_the_built_backbone(path):
    """On the meta device, without memory or arithmetic; the others' tests do so with necks and heads."""
    torch = pytest.importorskip('torch')
    from shufflenet_zoo.registry import MODELS

    model = load(path).model
    with torch.device('meta'):
        maps = MODELS.build(model.backbone)(torch.empty(1, 3, 64, 64))
    assert model.head.in_channels == maps[-1].shape[1]


@pytest.mark.parametrize(
    'path', [path for path in LEAVES if not path.stem.endswith(TO_THE_LETTER)], ids=lambda path: path.stem
)
def test_an_epoch_can_be_all(path):
    """Schedules bear any length of training."""
    pytest.importorskip('torch')
    from helpers.schedules import rates

    assert all(0 <= rate <= 1 for rate in rates(load(path), epochs=1))


def test_other_runners_read_them_too():
    """What only our tools fill in is in no shipped config."""
    assert not [path.name for path in CONFIGS.rglob('*.py') if repr(AUTO) in path.read_text()]


def test_every_published_network_has_a_recipe():
    found = {
        (config.model.backbone.get('groups'), config.model.backbone.get('widen_factor'))
        for config in map(load, LEAVES)
        if config.dataset_type == 'ImageNet'
    }
    table_2 = {(groups, width) for groups in (1, 2, 3, 4, 8) for width in (0.25, 0.5, 1.0)}
    wide = {(groups, width) for groups in (3, 8) for width in (1.5, 2.0)}
    v2 = {(None, width) for width in (0.25, 0.33, 0.5, 1.0, 1.5, 2.0)}
    assert table_2 | wide | v2 <= found


def test_readable_without_frameworks():
    code = """
import sys
for name in ('torch', 'mindspore', 'mmpretrain', 'mmcv'):
    sys.modules[name] = None
from shufflenet_zoo.jobs.config import load_config
for path in sys.argv[1:]:
    load_config(path)
"""
    paths = [str(CONFIGS / 'shufflenet_v1_g3.py'), str(LEAVES[-1]), str(LEAVES[2])]
    subprocess.run([sys.executable, '-c', code, *paths], check=True, timeout=120)
