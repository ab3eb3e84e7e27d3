"""mmpretrain's and mmdet's own tools and inferencers take the shipped configs as they are."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.tiny_job import ROOT
from mmengine.utils import get_installed_path
from packaging.version import Version

from shufflenet_zoo.weights.fetch import fetch_checkpoint

pytestmark = pytest.mark.slow
CLASSIFIER = ROOT / 'configs' / 'shufflenet_v1_g3.py'
DETECTOR = ROOT / 'configs' / 'detection' / 'retinanet-light_shufflenet-v2-1x_320_coco.py'
# browse_dataset calls a function of matplotlib that takes one argument more from 3.11 on.
DRAWS = pytest.mark.skipif(
    Version(version('matplotlib')) >= Version('3.11'), reason='matplotlib is newer than the pinned one'
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A checkpoint of the classifier, as anybody's torch reads it, and a picture."""
    path = tmp_path_factory.mktemp('own_tools')
    torch.save({'state_dict': fetch_checkpoint('zoo://shufflenet_v1_digits')['state_dict']}, path / 'digits.pth')
    cv2.imwrite(str(path / 'picture.png'), np.zeros((64, 80, 3), np.uint8))
    return path


def run(folder, *command):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, command)],
        cwd=folder,
        text=True,
        timeout=300,
        capture_output=True,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ('tool', 'arguments', 'printed'),
    [
        ('test', ('digits.pth',), 'accuracy/top1: 99.'),
        ('analysis_tools/get_flops', ('--shape', 16, 16), 'Params: 0.914M'),
        ('analysis_tools/confusion_matrix', ('digits.pth',), ' 0, 34,  0]'),
        pytest.param('visualization/browse_dataset', ('-o', 'out', '-n', 1), '1/1', marks=DRAWS),
    ],
)
def test_mmpretrains_tools(tool, arguments, printed, folder):
    path = Path(get_installed_path('mmpretrain'), '.mim', 'tools', f'{tool}.py')
    assert printed in run(folder, path, CLASSIFIER, *arguments)


def test_mmpretrains_inferencer(folder):
    code = f"""
from mmengine.config import Config
from mmpretrain import ImageClassificationInferencer
config = Config.fromfile({str(CLASSIFIER)!r})
config.test_dataloader.dataset.pipeline.insert(0, dict(type='LoadImageFromFile'))
infer = ImageClassificationInferencer(config, pretrained='digits.pth', device='cpu', classes=list('0123456789'))
print('\\nclass', infer('picture.png')[0]['pred_class'])
"""
    assert re.search(r'^class \d$', run(folder, '-c', code), re.MULTILINE)


def test_mmdets_inferencer(folder):
    pytest.importorskip('mmcv._ext')
    code = f"""
from mmdet.apis import DetInferencer
infer = DetInferencer({str(DETECTOR)!r}, device='cpu')
print(sorted(infer('picture.png', no_save_vis=True)['predictions'][0]))
"""
    assert "['bboxes', 'labels', 'scores']" in run(folder, '-c', code)
