"""The ablations of V1's paper at small scale: groups at equal cost, with and without the channel shuffle."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.arch.plans import Plan, plan_v1
from shufflenet_zoo.errors import DataError, TrainingError
from shufflenet_zoo.figures.curves import read_course
from shufflenet_zoo.jobs import tables

CONFIG = 'shufflenet-v1-0.25x-g3_ablation_cifar10-folder'
_SIZE, _CLASSES = (24, 24), 10
_METRIC = 'accuracy/top1'


@dataclass(frozen=True)
class Variant:
    """V1 0.25x with its groups and its shuffle.

    Attributes:
        groups: Groups of the 1x1 convolutions.
        published: Top-1 accuracy on ImageNet in percent, by the errors of V1's tables 2 and 3.
        shuffle_order: As of ``plan_v1``.
    """

    groups: int
    published: float
    shuffle_order: str = 'paper'

    @property
    def name(self) -> str:
        """What its work directories begin with."""
        return f'g{self.groups}-{self.shuffle_order}'

    def plan(self) -> Plan:
        """Return its architecture."""
        return plan_v1(self.groups, 0.25, width_rule='paper', shuffle_order=self.shuffle_order, small_stem=True)

    def overrides(self, seed: int) -> list[str]:
        """Return what to override of the config."""
        return [
            f'model.backbone.groups={self.groups}',
            f'model.backbone.shuffle_order={self.shuffle_order}',
            f'model.head.in_channels={self.plan().out_channels[-1]}',
            f'randomness.seed={seed}',
        ]


VARIANTS = (
    *(Variant(groups, 100 - error) for groups, error in {1: 57.1, 2: 56.8, 3: 55.0, 4: 54.2, 8: 52.7}.items()),
    *(Variant(groups, 100 - error, 'none') for groups, error in {3: 56.3, 8: 56.5}.items()),
)


def run(
    config: str,
    data: str,
    folder: Path,
    seeds: Sequence[int],
    jobs: int,
    overrides: Sequence[str],
    say: Callable[[str], None],
) -> dict[Variant, list[float]]:
    """Train every variant with every seed, one thread each; what is trained already in the folder is not again.

    Args:
        config: The config of the trainings.
        data: The folder of images.
        folder: Where the work directories are.
        seeds: The seeds.
        jobs: How many trainings at the same time.
        overrides: Further KEY=VALUE for the config.
        say: Is told of every training that ends.

    Returns:
        The last top-1 accuracies in percent, one for every seed.

    Raises:
        TrainingError: if a training fails; the others at work end first.
    """
    with ThreadPoolExecutor(jobs) as executor:

        def submit(variant: Variant, seed: int):
            work_dir = folder / f'{variant.name}-seed{seed}'
            return executor.submit(_train, config, data, work_dir, [*variant.overrides(seed), *overrides], say)

        # Seed by seed: a table of fewer seeds is there early.
        futures = {(variant, seed): submit(variant, seed) for seed in seeds for variant in VARIANTS}
        try:
            return {variant: [futures[variant, seed].result() for seed in seeds] for variant in VARIANTS}
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _train(config: str, data: str, work_dir: Path, overrides: Sequence[str], say: Callable[[str], None]) -> float:
    """Train unless it is done, and return the accuracy of the last validation."""
    try:
        return _accuracy(work_dir)
    except DataError:
        pass
    command = [sys.executable, '-m', 'shufflenet_zoo', 'train', config, '--data', data, '--work-dir', str(work_dir)]
    done = subprocess.run(
        [*command, '--resume', '--device', 'cpu', '--cfg-options', *overrides],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f'status {done.returncode}']
        raise TrainingError(f'{work_dir}: {lines[-1].removeprefix("error: ")}')
    accuracy = _accuracy(work_dir)
    say(f'{work_dir.name}: {accuracy:.2f} %')
    return accuracy


def _accuracy(work_dir: Path) -> float:
    curve = read_course(work_dir).metrics.get(_METRIC)
    if not curve:
        raise DataError(f'{work_dir}: no {_METRIC} was noted')
    return curve[max(curve)]


def markdown(accuracies: Mapping[Variant, Sequence[float]]) -> str:
    """Return the table of means and ranges, each beside what it is an ablation of."""
    rows = [('groups', 'shuffle', 'multiply-adds', 'top-1, mean (each seed)', 'difference', "paper's at 224 pixels")]
    base = {variant.groups: variant for variant in accuracies if variant.shuffle_order == 'paper'}
    for variant, found in accuracies.items():
        is_shuffled = variant.shuffle_order == 'paper'
        other = base[1] if is_shuffled else base[variant.groups]
        rows.append(
            (
                str(variant.groups),
                'yes' if is_shuffled else 'no',
                f'{total(analyse(variant.plan(), _SIZE, _CLASSES)).multiply_adds / 1e6:.2f} M',
                f'{statistics.mean(found):.2f} ({", ".join(f"{value:.2f}" for value in found)})',
                ''
                if other is variant
                else _difference(found, accuracies[other], '1 group' if is_shuffled else 'shuffled'),
                f'{variant.published:.1f}'
                if other is variant
                else f'{variant.published:.1f} ({variant.published - other.published:+.1f})',
            )
        )
    return tables.markdown(rows)


def _difference(found: Sequence[float], others: Sequence[float], name: str) -> str:
    """Tell the difference of the means, and whether the seeds alone make as much."""
    difference = statistics.mean(found) - statistics.mean(others)
    spread = max(max(values) - min(values) for values in (found, others))
    inside = ', inside the spread of the seeds' if abs(difference) <= spread else ''
    return f'{difference:+.2f} to {name}{inside}'
