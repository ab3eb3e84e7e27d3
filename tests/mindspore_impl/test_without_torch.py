"""The MindSpore side in a virtual environment that has neither torch nor OpenMMLab's model packages."""

import importlib.metadata as metadata
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SUFFICIENT = ('mindspore', 'mmengine', 'numpy', 'scikit-learn', 'safetensors', 'tqdm', 'setuptools')
ABSENT = ('torch', 'torchvision', 'mmcv', 'mmpretrain', 'mmdet')


def with_requirements(names: tuple[str, ...]) -> set[str]:
    """The distributions of these names and all that they require."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        requirements = map(Requirement, metadata.requires(name) or ())
        waiting += [r.name for r in requirements if not r.marker or r.marker.evaluate({'extra': ''})]
    return found


@pytest.fixture(scope='module')
def python(tmp_path_factory) -> Path:
    """The interpreter of a new environment with links to what suffices, and this project."""
    folder = tmp_path_factory.mktemp('without_torch')
    venv.create(folder)
    site = next(folder.glob('lib/python*/site-packages'))
    for name in with_requirements(SUFFICIENT):
        distribution = metadata.distribution(name)
        for entry in {file.parts[0] for file in distribution.files or ()} - {'..', '__pycache__'}:
            link = site / entry
            if not link.exists():
                link.symlink_to(distribution.locate_file(entry))
    offline = ('--quiet', '--no-deps', '--no-build-isolation', '--no-index')
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', *offline, '--target', site, ROOT], check=True, capture_output=True
    )
    return folder / 'bin' / 'python'


def run(python: Path, *arguments: str, cwd: Path) -> str:
    finished = subprocess.run([python, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_builds_and_runs_models(python, tmp_path):
    code = f"""
import importlib.util
assert not any(importlib.util.find_spec(name) for name in {ABSENT})
import mindspore as ms
from shufflenet_zoo.mindspore_impl import create_model
for name in ('shufflenet_v1_g3_0.5x', 'shufflenet_v2_0.5x'):
    print(create_model(name, num_classes=10)(ms.ops.ones((1, 3, 64, 64))).shape)
"""
    assert run(python, '-c', code, cwd=tmp_path).count('(1, 10)') == 2


@pytest.mark.slow
def test_trains_the_main_job(python, tmp_path):
    network = ['model.backbone.widen_factor=0.25', 'model.backbone.groups=1', 'model.head.in_channels=auto']
    options = ['train_cfg.max_epochs=1', *network, 'train_dataloader.batch_size=721']
    output = run(
        python,
        str(ROOT / 'tools/train.py'),
        str(ROOT / 'configs/shufflenet_v1_g3.py'),
        '--backend',
        'mindspore',
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        *options,
        cwd=tmp_path,
    )
    assert 'test it with' in output
    assert list((tmp_path / 'work').glob('*.ckpt'))
