"""Every detector family, and a classifier whose last layers are behind its outputs, train over two processes."""

import subprocess
import sys

import pytest
import torch
from helpers.tiny_job import ROOT, write_config
from helpers.two_processes import run_two_processes

from shufflenet_zoo.weights.file_torch import read_checkpoint

pytestmark = pytest.mark.slow
DETECTORS = {
    'retinanet': 'retinanet_shufflenet-v2-0.5x_fpn_1x_coco.py',
    'faster-rcnn': 'faster-rcnn_shufflenet-v2-0.5x_fpn_1x_coco.py',
    'ssdlite': 'ssdlite_shufflenet-v2-1x_320_coco.py',
    'rtmdet': 'rtmdet-tiny_shufflenet-v2-1x_640_coco.py',
}
# With the search for unused parameters the test would hold for layers that wait for a gradient, too.
PLAIN = {'find_unused_parameters': False}


@pytest.fixture(scope='module')
def trained(coco, tmp_path_factory):
    """The checkpoints of two iterations each."""
    folder = tmp_path_factory.mktemp('two_processes')
    # Four images, two per process: an iteration an epoch.
    twice = {'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 2, 'default_hooks.checkpoint.save_optimizer': True}
    jobs = [
        {
            'config': str(ROOT / 'configs' / 'detection' / name),
            'coco': str(coco),
            'work_dir': family,
            'overrides': PLAIN | twice,
        }
        for family, name in DETECTORS.items()
    ]
    extra = 'model.update(backbone=dict(out_indices=(0, 1), widen_factor=0.5))\ntrain_cfg = dict(max_epochs=2)'
    classifier = write_config(folder / 'classifier.py', extra=extra, base='shufflenet_v2.py')
    jobs.append({'config': str(classifier), 'work_dir': 'classifier', 'overrides': PLAIN})
    run_two_processes(jobs, folder)
    return folder


@pytest.mark.parametrize('family', [*DETECTORS, 'classifier'])
def test_trains_over_two_processes(trained, family):
    assert read_checkpoint(trained / family / 'epoch_2.pth')['meta']['iter'] >= 2


# SSDLite takes the last convolution's output.
@pytest.mark.parametrize('family', ['retinanet', 'faster-rcnn', 'rtmdet', 'classifier'])
def test_layers_behind_the_last_output_are_left_alone(trained, family):
    checkpoint = read_checkpoint(trained / family / 'epoch_2.pth')
    weights = checkpoint['state_dict']
    assert len([name for name in weights if name.startswith('backbone.layers.3.')]) == 6
    # RTMDet's are averages of equal numbers.
    bias = weights['backbone.layers.3.bn.bias']
    torch.testing.assert_close(bias, torch.full_like(bias, 1e-4), msg='weight decay has touched it')
    assert torch.equal(weights['backbone.layers.3.bn.running_mean'], torch.zeros(1024))
    assert 0 < len(checkpoint['optimizer']['state']) <= sum('weight' in n or 'bias' in n for n in weights) - 3


def test_mmdets_inferencer_takes_the_checkpoint_without_us(trained):
    """It reads the file before any config names this project."""
    code = (
        'import sys, numpy\n'
        'from mmdet.apis import DetInferencer\n'
        'found = DetInferencer(sys.argv[1], sys.argv[2], device="cpu")(numpy.zeros((64, 64, 3), numpy.uint8))\n'
        'print(len(found["predictions"]))\n'
    )
    config, checkpoint = trained / 'retinanet' / DETECTORS['retinanet'], trained / 'retinanet' / 'epoch_2.pth'
    done = subprocess.run([sys.executable, '-c', code, config, checkpoint], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == '1'
