"""Installs shufflenet_zoo, with backbones/ and mindspore_impl/ as its subpackages."""

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = 'shufflenet_zoo'
# Packages that lie at the top of the repository, and the names they are imported by.
MAPPED_PACKAGES = {'backbones': f'{PACKAGE}.backbones', 'mindspore_impl': f'{PACKAGE}.mindspore_impl'}
# What is no package and is installed into shufflenet_zoo/.mim, where OpenMMLab's tools look for it.
MIM_FOLDERS = ('configs', 'tools')
MIM_FILES = ('model-index.yml',)


def find_all_packages() -> list[str]:
    """Return the import names of every package, the mapped ones and their subpackages included."""
    names = find_packages(str(ROOT), include=[PACKAGE, f'{PACKAGE}.*'])
    for folder, name in MAPPED_PACKAGES.items():
        names += [name] + [f'{name}.{inner}' for inner in find_packages(str(ROOT / folder))]
    return names


def read_version() -> str:
    """Return the version that the package itself states."""
    text = (ROOT / PACKAGE / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE).group(1)


def read_requirements(*names: str) -> list[str]:
    """Return the requirements of the named lists in requirements/, without comments."""
    lines = [line for name in names for line in (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()]
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


class BuildWithConfigs(build_py):
    """Also installs configs and tools: copied into a wheel, linked in an editable install."""

    def run(self) -> None:
        super().run()
        parent = ROOT / PACKAGE if self.editable_mode else Path(self.build_lib) / PACKAGE
        target = parent / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for folder in MIM_FOLDERS:
            if self.editable_mode:
                (target / folder).symlink_to(os.path.relpath(ROOT / folder, target), target_is_directory=True)
            else:
                shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns('__pycache__'))
        for file in MIM_FILES:
            if self.editable_mode:
                (target / file).symlink_to(os.path.relpath(ROOT / file, target))
            else:
                shutil.copy(ROOT / file, target / file)


setup(
    name='shufflenet-zoo',
    version=read_version(),
    description='ShuffleNet V1 and V2 for MMPretrain, MMDetection and MindSpore',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='shufflenet-zoo developers',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    # tomllib and hashlib.file_digest.
    python_requires='>=3.11',
    packages=find_all_packages(),
    package_dir={name: folder for folder, name in MAPPED_PACKAGES.items()},
    include_package_data=True,
    entry_points={'console_scripts': ['shufflenet-zoo = shufflenet_zoo.__main__:main']},
    install_requires=read_requirements('base'),
    extras_require={
        'openmmlab': read_requirements('openmmlab'),
        'mmcv-lite': read_requirements('mmcv-lite'),
        'detection': read_requirements('openmmlab', 'detection'),
        'mindspore': read_requirements('mindspore'),
        'export': read_requirements('export'),
        'ncnn': read_requirements('ncnn'),
        'mnn': read_requirements('mnn'),
        'litert': read_requirements('litert-runtime'),
        'coreml': read_requirements('coreml'),
        'demo': read_requirements('demo'),
        'docs': read_requirements('docs'),
        'bench': read_requirements('bench'),
        'test': read_requirements('bench', 'test'),
        'lint': read_requirements('lint'),
    },
    cmdclass={'build_py': BuildWithConfigs},
)
