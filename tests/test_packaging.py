"""The wheel, the sdist, the editable install and the stamps of the Makefile."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    'LICENSE',
    'MANIFEST.in',
    'Makefile',
    'model-index.yml',
    'README.md',
    'pyproject.toml',
    'setup.py',
    'backbones',
    'configs',
    'docs',
    'mindspore_impl',
    'requirements',
    'shufflenet_zoo',
    'tests',
    'tools',
)
# Where each folder of the repository lies in site-packages.
INSTALLED = {
    'shufflenet_zoo': 'shufflenet_zoo',
    'backbones': 'shufflenet_zoo/backbones',
    'mindspore_impl': 'shufflenet_zoo/mindspore_impl',
    'configs': 'shufflenet_zoo/.mim/configs',
    'tools': 'shufflenet_zoo/.mim/tools',
}
# Folders in shufflenet_zoo/ that are not its core: their modules belong to one framework or engine each.
NOT_CORE = ('openmmlab', 'benchmark', 'demo', 'export', '.mim')


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command that must succeed; return what it printed."""
    clean = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'MAKEFLAGS', 'MAKELEVEL')}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
    return done.stdout


def copy_project(target: Path) -> Path:
    """Copy what belongs to the project, so that building leaves nothing in the checkout."""
    target.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info'))
        else:
            shutil.copy(source, target)
    return target


def project_files(project: Path, folder: str) -> set[str]:
    """Return the paths of a folder's files relative to the project, without what running leaves behind."""
    return {
        path.relative_to(project).as_posix()
        for path in (project / folder).rglob('*')
        if path.is_file() and not {'__pycache__', '.mim'} & set(path.parts)
    }


def wheel_content(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}


def build_wheel(source: Path, target: Path) -> Path:
    options = ('-qq', '--no-deps', '--no-build-isolation')
    run(sys.executable, '-m', 'pip', 'wheel', *options, '-w', target, source, cwd=target)
    return next(target.glob('shufflenet_zoo-*.whl'))


@pytest.fixture(scope='module')
def project(tmp_path_factory) -> Path:
    """A copy of the project in which each package has one more subpackage and one more data file."""
    target = copy_project(tmp_path_factory.mktemp('project') / 'checkout')
    for package in ('shufflenet_zoo', 'backbones', 'mindspore_impl'):
        (target / package / 'added').mkdir()
        (target / package / 'added' / '__init__.py').touch()
        (target / package / 'added' / 'table.json').write_text('{}')
    return target


@pytest.fixture(scope='module')
def sdist(project, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp('sdist')
    code = f'from setuptools.build_meta import build_sdist; build_sdist({str(target)!r})'
    run(sys.executable, '-c', code, cwd=project)
    return next(target.glob('shufflenet_zoo-*.tar.gz'))


@pytest.fixture(scope='module')
def wheel(project, tmp_path_factory) -> Path:
    return build_wheel(project, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory) -> Path:
    """A folder with the installed wheel, away from the checkout."""
    target = tmp_path_factory.mktemp('site')
    run(sys.executable, '-m', 'pip', 'install', '-qq', '--no-deps', '--no-index', '--target', target, wheel, cwd=target)
    return target


def python_with(site: Path, code: str) -> str:
    """Run code where the installed wheel comes before everything else, the checkout's editable finder included."""
    first = (
        'import sys\n'
        'sys.meta_path[:] = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")]\n'
        f'sys.path.insert(0, {str(site)!r})\n'
    )
    return run(sys.executable, '-c', first + code, cwd=site.parent).strip()


def test_wheel_holds_every_file_of_the_packages_and_the_configs(project, wheel):
    expected = {
        path.replace(folder, installed, 1)
        for folder, installed in INSTALLED.items()
        for path in project_files(project, folder)
    }
    assert wheel_content(wheel) == expected | {'shufflenet_zoo/.mim/model-index.yml'}


def test_wheel_puts_one_name_and_one_command_into_site_packages(site):
    assert {path.name for path in site.iterdir() if path.suffix != '.dist-info'} == {'shufflenet_zoo', 'bin'}
    assert [path.name for path in (site / 'bin').iterdir()] == ['shufflenet-zoo']


def test_the_wheels_command_finds_its_configs_by_name(site):
    table = run(site / 'bin' / 'shufflenet-zoo', 'info', 'shufflenet_v1_g3', cwd=site.parent, PYTHONPATH=str(site))
    assert 'stage4' in table
    code = "from shufflenet_zoo.jobs.shipped import find_config; print(find_config('shufflenet_v1_g3'))"
    assert python_with(site, code) == str(site / 'shufflenet_zoo' / '.mim' / 'configs' / 'shufflenet_v1_g3.py')


def test_the_wheel_is_described_by_the_readme(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith('.dist-info/METADATA')]
        metadata = message_from_bytes(archive.read(name))
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert metadata.get_payload(decode=True).decode().strip() == (ROOT / 'README.md').read_text().strip()


def test_sdist_holds_the_project(project, sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    for folder in (*INSTALLED, 'requirements', 'tests', 'docs'):
        assert project_files(project, folder) <= names
    assert {'setup.py', 'pyproject.toml', 'LICENSE', 'README.md', 'Makefile'} <= names


@pytest.mark.slow
def test_wheel_built_from_the_sdist_is_the_same(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter='data')
    again = build_wheel(next(tmp_path.glob('shufflenet_zoo-*/')), tmp_path)
    assert wheel_content(again) == wheel_content(wheel)


@pytest.mark.parametrize('package', ['shufflenet_zoo', 'shufflenet_zoo.backbones', 'shufflenet_zoo.mindspore_impl'])
def test_installed_wheel_is_importable(site, package):
    origin = python_with(site, f'import importlib.util; print(importlib.util.find_spec({package!r}).origin)')
    assert origin == str(site / package.replace('.', '/') / '__init__.py')


def test_installed_wheel_builds_networks(site):
    code = (
        'from shufflenet_zoo.registry import MODELS\n'
        'model = MODELS.build(dict(type="shufflenet_zoo.ShuffleNetV1", groups=3))\n'
        'print(sys.modules[type(model).__module__].__file__)'
    )
    assert python_with(site, code).splitlines()[-1].startswith(str(site / 'shufflenet_zoo' / 'backbones'))


def test_installed_configs_load(site):
    configs = sorted((site / 'shufflenet_zoo' / '.mim' / 'configs').glob('*.py'))
    assert 'shufflenet_v1_g3.py' in {path.name for path in configs}
    code = 'from mmengine import Config\nfor path in sys.stdin: Config.fromfile(path.strip())'.replace(
        'sys.stdin', repr([str(path) for path in configs])
    )
    python_with(site, code)


def test_core_imports_no_framework(site):
    files = [path.relative_to(ROOT).with_suffix('') for path in sorted((ROOT / 'shufflenet_zoo').rglob('*.py'))]
    modules = ['.'.join(file.parts).removesuffix('.__init__') for file in files if file.parts[1] not in NOT_CORE]
    assert {'shufflenet_zoo', 'shufflenet_zoo.arch', 'shufflenet_zoo.registry'} <= set(modules)
    code = (
        'import importlib\n'
        f'for module in {modules}:\n'
        '    importlib.import_module(module)\n'
        '    found = {"torch", "mindspore", "mmcv"} & set(sys.modules)\n'
        '    assert not found, f"{module} imports {found}"'
    )
    python_with(site, code)


def test_editable_install_finds_the_mapped_packages_and_the_configs(project, tmp_path):
    run(
        sys.executable,
        '-m',
        'pip',
        'install',
        '-qq',
        '--no-deps',
        '--no-index',
        '--no-build-isolation',
        '--target',
        tmp_path,
        '-e',
        project,
        cwd=tmp_path,
    )
    code = (
        'import importlib.util, site\n'
        f'site.addsitedir({str(tmp_path)!r})\n'
        'print(importlib.util.find_spec("shufflenet_zoo.backbones").origin)'
    )
    for cwd in (tmp_path, project):
        # -S leaves out this environment's own editable install.
        assert run(sys.executable, '-S', '-c', code, cwd=cwd).strip() == str(project / 'backbones' / '__init__.py')
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (project / 'shufflenet_zoo' / '.mim' / name).resolve() == project / name


def test_every_requirement_is_pinned():
    def names(path: Path, pinned: bool = False) -> set[str]:
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith('#')]
        return {Requirement(line).name.lower().replace('_', '-') for line in lines if pinned or '==' not in line}

    constraints = ROOT / 'requirements' / 'constraints.txt'
    lists = [path for path in constraints.parent.glob('*.txt') if path != constraints]
    assert lists
    assert set().union(*map(names, lists)) <= names(constraints, pinned=True)


def make_plan(project: Path, target: str) -> str:
    """Return the commands that make would run."""
    return run('make', '--no-print-directory', '-n', target, cwd=project)


def stamps(project: Path) -> list[Path]:
    """Return the stamps that make would leave, the training one first."""
    plan = make_plan(project, 'test')
    return [project / line.split()[-1] for line in plan.splitlines() if line.startswith('touch ')]


@pytest.fixture
def fresh_project(tmp_path) -> Path:
    return copy_project(tmp_path / 'checkout')


def pretend_installed(project: Path, count: int) -> None:
    (project / '.venv' / 'bin').mkdir(parents=True)
    (project / '.venv' / 'bin' / 'python').touch()
    planned = stamps(project)
    assert len(planned) == 2
    for stamp in planned[:count]:
        stamp.touch()


def test_make_train_does_not_compile(fresh_project):
    plan = make_plan(fresh_project, 'train')
    assert 'mmcv-lite.txt' in plan and 'install_mmcv.sh' not in plan
    assert plan.index('GB of disk') < plan.index('pip install')


def test_make_test_compiles_mmcv(fresh_project):
    assert 'install_mmcv.sh' in make_plan(fresh_project, 'test')


@pytest.mark.parametrize(
    ('installed', 'target'), [(1, 'train'), (2, 'train'), (2, 'test'), (2, 'test-all'), (2, 'verify')]
)
def test_make_installs_nothing_twice(fresh_project, installed, target):
    pretend_installed(fresh_project, installed)
    plan = make_plan(fresh_project, target)
    assert len(plan.splitlines()) == 1 and 'pip' not in plan


def test_make_installs_again_when_the_requirements_change(fresh_project):
    pretend_installed(fresh_project, 2)
    with (fresh_project / 'requirements' / 'base.txt').open('a') as file:
        file.write('tqdm\n')
    assert 'pip install' in make_plan(fresh_project, 'train')
