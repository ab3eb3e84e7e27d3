"""tools/train.py: what it prints, its options, and what it refuses."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.refusals import assert_refused
from helpers.tiny_job import ROOT, run_tool, write_config
from mmengine.utils import get_installed_path

from shufflenet_zoo.weights.file_torch import read_checkpoint


def scalars(work_dir):
    """Return the logged scalars of the latest run in a work directory."""
    path = max(Path(work_dir).glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_prints_progress_and_how_to_test(tmp_path):
    config = write_config(tmp_path / 'job.py')
    result = run_tool('train', config.name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert any('eta: ' in line and 'loss: ' in line for line in lines)
    assert sum('accuracy/top1: ' in line for line in lines) == 3
    assert lines[-1] == (
        'done: the checkpoint is work_dirs/job/epoch_3.pth; test it with: '
        f'python {ROOT}/tools/test.py work_dirs/job/job.py work_dirs/job/epoch_3.pth'
    )
    # Before them may be what packages say when they are imported.
    lines = lines[next(i for i, line in enumerate(lines) if line.endswith('job.py')) :]
    assert len(lines) < 18
    assert [line.split('  ')[0] for line in lines[1:6]] == [
        'network',
        'parameters',
        'images',
        'device',
        'work dir',
    ]
    assert 'ShuffleNetV1, groups=3, widen_factor=0.5, small_stem=True, 10 classes' in lines[1]
    assert lines[3].endswith('48 to train on, 64 to validate')
    assert not result.stderr
    log = next((tmp_path / 'work_dirs' / 'job').glob('*/*.log')).read_text()
    assert 'System environment' in log


def test_missing_config_is_refused_before_heavy_imports(tmp_path):
    (tmp_path / 'torch.py').write_text("raise SystemExit('torch was imported')")
    result = run_tool('train', 'absent.py', cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert_refused(result.returncode, result.stderr, 'absent.py does not exist')
    assert not (tmp_path / 'work_dirs').exists()


def test_unknown_option(call):
    status, _, errors = call('train', 'job.py', '--colour')
    assert status == 2
    assert '--colour' in errors[-1]


def test_amp_on_cpu(call, tmp_path):
    status, output, errors = call('train', write_config(tmp_path / 'amp.py'), '--amp', '--device', 'cpu')
    assert status == 0, errors
    assert 'mixed precision on the CPU: bfloat16, without loss scaling' in output
    assert 'CpuAmpOptimWrapper' in Path('work_dirs/amp/amp.py').read_text()
    assert all(np.isfinite(row['loss']) for row in scalars('work_dirs/amp') if 'loss' in row)


def test_amp_config_on_cpu(call, tmp_path):
    extra = "optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype='float16')"
    status, _, errors = call('train', write_config(tmp_path / 'amp_config.py', extra), '--device', 'cpu')
    assert status == 0, errors


def test_amp_computes_in_bfloat16():
    from shufflenet_zoo.openmmlab.amp import CpuAmpOptimWrapper

    model = torch.nn.Conv2d(3, 4, 1)
    wrapper = CpuAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), 0.1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.ones(1, 3, 2, 2))
    assert output.dtype == torch.bfloat16
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)


def test_auto_scale_lr(call, tmp_path):
    config = write_config(tmp_path / 'scaled.py', 'auto_scale_lr = dict(base_batch_size=32)')
    options = (
        'train',
        config,
        '--cfg-options',
        'param_scheduler=None',
        'default_hooks.logger.interval=1',
        'train_cfg.max_epochs=1',
        '--no-validate',
    )
    assert call(*options, '--work-dir', 'plain')[0] == 0
    assert call(*options, '--work-dir', 'scaled', '--auto-scale-lr')[0] == 0
    assert scalars('plain')[0]['lr'] == pytest.approx(2e-3)
    assert scalars('scaled')[0]['lr'] == pytest.approx(1e-3)
    assert not any('accuracy/top1' in row for row in scalars('plain'))


def test_resume_of_a_finished_training(call, trained):
    config, checkpoint = trained
    shutil.copytree(checkpoint.parent, 'work')
    status, output, errors = call('train', config, '--work-dir', 'work', '--resume')
    assert status == 0, errors
    assert output[-1].startswith('done: the checkpoint is work/epoch_3.pth')


def test_resume_auto_without_checkpoint(call, tmp_path):
    config = write_config(tmp_path / 'fresh.py')
    status, output, _ = call('train', config, '--resume', 'auto', '--cfg-options', 'train_cfg.max_epochs=2')
    assert status == 0
    assert output[0] == 'no checkpoint in work_dirs/fresh yet: training from the beginning'


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('train_cfg.max_epochs=many', ('job.py', "'many'")),
        ('train_cfg.max_epoch=3', ('job.py', "did you mean 'train_cfg.max_epochs'")),
        ('model.head.classes=3', ('model.head.classes is no argument of LinearClsHead', "did you mean 'num_classes'")),
        ('model.backbone.smal_stem=True', ("did you mean 'model.backbone.small_stem'",)),
        ('model.backbone.stem_rul=paper', ('model.backbone: ', "'stem_rul'", "did you mean 'stem_rule'")),
        ('model.backbone.groups=5', ('job.py', 'groups', '5')),
        ('model.backbone.norm_cfg.type=Norm', ('norm_cfg', "'Norm'")),
        ('model.head.type=NoHead', ('job.py', 'NoHead')),
        ('train_dataloader.dataset.split=val', ('split', "'val'", 'train')),
        ('trian_cfg.max_epochs=3', ('trian_cfg', 'train_cfg')),
        ('load_from=absent.pth', ('absent.pth does not exist',)),
        ('optim_wrapper=None', ('job.py has no optim_wrapper',)),
    ],
)
def test_wrong_config_options(refused, tmp_path, option, words):
    refused('train', write_config(tmp_path / 'job.py'), '--cfg-options', option, words=words)


def test_failed_start_keeps_what_was_there(refused, tmp_path):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'mine.txt').write_text('kept')
    refused(
        'train',
        write_config(tmp_path / 'job.py'),
        '--work-dir',
        'work',
        '--cfg-options',
        'model.head.type=NoHead',
        words=('NoHead',),
    )


def test_missing_data(refused):
    refused(
        'train',
        ROOT / 'configs' / 'cifar10' / 'shufflenet-v2-1x_cifar10.py',
        words=('data/cifar10 does not exist', 'train_dataloader.dataset.data_root'),
    )


def test_no_cuda(refused, tmp_path):
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    refused('train', write_config(tmp_path / 'job.py'), '--device', 'cuda', words=('--device cuda', 'cpu'))


def test_resume_refuses(refused, trained, tmp_path):
    config, checkpoint = trained
    content = read_checkpoint(checkpoint)
    torch.save({'meta': content['meta'], 'state_dict': content['state_dict']}, 'weights.pth')
    Path('truncated.pth').write_bytes(checkpoint.read_bytes()[:-1000])
    content['state_dict']['head.fc.weight'][0, 0] = float('nan')
    torch.save(content, 'spoilt.pth')
    refused('train', config, '--resume', 'spoilt.pth', words=('spoilt.pth is spoilt: head.fc.weight',))
    refused('train', config, '--resume', 'absent.pth', words=('absent.pth does not exist',))
    refused('train', config, '--resume', 'weights.pth', words=('weights.pth', 'optimizer', 'load_from'))
    refused('train', config, '--resume', 'truncated.pth', words=('truncated.pth', 'truncated'))
    refused(
        'train',
        config,
        '--resume',
        checkpoint,
        '--cfg-options',
        'model.backbone.widen_factor=1.0',
        words=(str(checkpoint), 'widen_factor=0.5 (the network has 1.0)'),
    )


def test_pickle_is_not_run(refused, trained):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (Path('exploded'),)

    torch.save({'state_dict': {}, 'meta': Bomb()}, 'bomb.pth')
    Path('bare.pth').write_bytes(pickle.dumps({'state_dict': Bomb()}))
    refused('train', trained[0], '--resume', 'bomb.pth', words=('bomb.pth', 'could run code'))
    refused('test', trained[0], 'bare.pth', words=('bare.pth',))


@pytest.fixture
def tiny_imagenet():
    """Four images in ImageNet's layout, in the current folder."""
    random = np.random.default_rng(0)
    root = Path('data/imagenet')
    (root / 'meta').mkdir(parents=True)
    for split in ('train', 'val'):
        (root / split).mkdir()
        for index in range(2):
            cv2.imwrite(str(root / split / f'{index}.jpg'), random.integers(0, 255, (48, 40, 3), dtype=np.uint8))
        (root / 'meta' / f'{split}.txt').write_text('0.jpg 3\n1.jpg 7\n')


SMALL_RUN = (
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_cfg.max_epochs=1',
    'param_scheduler=None',
    'val_dataloader.num_workers=0',
    'default_hooks.logger.interval=1',
)


def test_mmpretrains_own_config(call, tiny_imagenet):
    configs = Path(get_installed_path('mmpretrain')) / '.mim' / 'configs'
    config = configs / 'shufflenet_v2' / 'shufflenet-v2-1x_16xb64_in1k.py'
    status, output, errors = call('train', config, '--device', 'cpu', '--cfg-options', *SMALL_RUN)
    assert status == 0, errors
    checkpoint = 'work_dirs/shufflenet-v2-1x_16xb64_in1k/epoch_1.pth'
    assert checkpoint in output[-1]
    status, output, errors = call('test', config, checkpoint, '--cfg-options', 'test_dataloader.num_workers=0')
    assert status == 0, errors
    assert 'accuracy/top5' in output[-1]


def test_imagenet_recipe(call, tiny_imagenet):
    config = ROOT / 'configs' / 'imagenet' / 'shufflenet-v1-0.5x-g8_in1k.py'
    status, _, errors = call('train', config, '--device', 'cpu', '--cfg-options', *SMALL_RUN)
    assert status == 0, errors
    assert np.isfinite(scalars('work_dirs/shufflenet-v1-0.5x-g8_in1k')[0]['loss'])


def break_optimizer(content):
    next(iter(content['optimizer']['state'].values()))['exp_avg'] = torch.ones(7)


BROKEN = {
    'no iter': lambda content: content['meta'].pop('iter'),
    'a list for the optimizer': lambda content: content.update(optimizer=[]),
    'too few groups': lambda content: content['optimizer']['param_groups'].pop(),
    'an optimizer of another shape': break_optimizer,
    'no logs': lambda content: content.update(message_hub={}),
}


@pytest.mark.parametrize('how', BROKEN)
def test_resume_blames_a_broken_checkpoint(how, refused, trained):
    content = read_checkpoint(trained[1])
    BROKEN[how](content)
    torch.save(content, 'broken.pth')
    words = ('checkpoint broken.pth cannot be resumed: ', 'load_from=broken.pth')
    refused('train', trained[0], '--resume', 'broken.pth', words=words)
