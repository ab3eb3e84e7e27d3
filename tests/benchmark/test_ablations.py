"""tools/ablate.py: the variants cost the same, are trained once, and the table tells their differences."""

import cv2
import numpy as np
import pytest
from helpers.refusals import assert_refused

from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.benchmark import ablations
from shufflenet_zoo.jobs.config import load_config, parse_overrides


def test_variants_cost_the_same_and_are_those_of_the_config():
    costs = [total(analyse(variant.plan(), (24, 24), 10)).multiply_adds for variant in ablations.VARIANTS]
    assert max(costs) < 1.1 * min(costs)
    for variant in ablations.VARIANTS:
        config = load_config(ablations.CONFIG, parse_overrides(variant.overrides(seed=1)))
        assert config.model.head.in_channels == variant.plan().out_channels[-1]
        assert config.randomness.seed == 1


def test_table_tells_what_is_inside_the_spread():
    one, three, eight, unmixed, _ = (*ablations.VARIANTS[:1], *ablations.VARIANTS[2:3], *ablations.VARIANTS[4:])
    accuracies = {one: [50, 52], three: [51, 53], eight: [55, 56], unmixed: [40, 41]}
    _, _, *rows = ablations.markdown(accuracies).splitlines()
    assert '51.00 (50.00, 52.00)' in rows[0]
    assert '+1.00 to 1 group, inside the spread' in rows[1]
    assert '+4.50 to 1 group |' in rows[2]
    assert '-11.50 to shuffled |' in rows[3] and '43.7 (-1.3)' in rows[3]


@pytest.mark.slow
def test_trains_what_is_not_trained_yet(call, monkeypatch, tmp_path):
    monkeypatch.setattr(ablations, 'VARIANTS', ablations.VARIANTS[:2])
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        for i in range(10):
            folder = tmp_path / 'images' / split / str(i)
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / '0.jpg'), rng.integers(0, 256, (32, 32, 3), np.uint8))
    images = ('train_dataloader.dataset.indices=10', 'train_dataloader.batch_size=5')
    epochs = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
    ablate = ('ablate', 'images', '--seeds', 1, '--cfg-options', *images, *epochs)
    status, output, errors = call(*ablate)
    assert status == 0, errors
    assert [line.partition(':')[0] for line in errors] == ['g1-paper-seed0', 'g2-paper-seed0']
    assert call(*ablate) == (0, output, [])

    status, _, errors = call(*ablate[:1], 'no-images', '--work-dir', 'other', *ablate[2:])
    assert_refused(status, '\n'.join(errors), 'no-images')
