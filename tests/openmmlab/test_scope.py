"""The package that a config's names belong to."""

import sys

import pytest
from PIL import Image


@pytest.mark.parametrize(
    'command',
    [
        ('train', 'shufflenet_v1_g3'),
        ('test', 'shufflenet_v1_g3', 'zoo://shufflenet_v1_digits'),
        ('predict', 'shufflenet_v1_g3', 'zoo://shufflenet_v1_digits', 'image.png'),
        ('augmented', 'shufflenet_v1_g3', '--out', 'augmented.png'),
        ('export', 'shufflenet_v1_g3', 'zoo://shufflenet_v1_digits', '--format', 'onnx'),
    ],
)
def test_a_package_that_cannot_be_imported_is_named(refused, tmp_path, monkeypatch, command):
    Image.new('RGB', (8, 8)).save(tmp_path / 'image.png')
    monkeypatch.setitem(sys.modules, 'mmpretrain.datasets', None)
    refused(*command, words=('needs mmpretrain, which cannot be imported', 'README.md'))


def test_custom_imports_that_fail_say_why(refused, tmp_path, monkeypatch):
    (tmp_path / 'inner.py').write_text('import no_such_package')
    (tmp_path / 'job.py').write_text("custom_imports = dict(imports=['inner'])")
    monkeypatch.syspath_prepend(tmp_path)
    refused('train', 'job.py', words=("cannot be read: ModuleNotFoundError: No module named 'no_such_package'",))


def test_missing_operators_of_mmcv_are_named(refused, tmp_path, monkeypatch):
    (tmp_path / 'job.py').write_text("custom_imports = dict(imports=['mmcv._ext'])")
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)
    refused('train', 'job.py', words=('cannot be read: ', "mmcv's compiled operators", 'install_mmcv.sh'))
