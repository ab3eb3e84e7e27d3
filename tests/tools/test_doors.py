"""Weights of another wiring, and files that hold none, are refused at every door into a network."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
from helpers.layout_weights import make_weights
from helpers.refusals import peak_memory
from helpers.tiny_job import write_config

from shufflenet_zoo.weights import convert, convert_file, write_weights
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.file_torch import read_checkpoint
from shufflenet_zoo.weights.files import read_content, write_content

# megvii's eight groups keep their shuffle order, without which equal shapes would load and compute nonsense.
MEGVII = {'type': 'ShuffleNetV1', 'groups': 8, 'widen_factor': 0.5, 'stem_rule': 'megvii', 'shuffle_order': 'megvii'}
BACKBONE = """
model.update(backbone=dict(
    groups=8, widen_factor=0.5, stem_rule='megvii', small_stem=False, shuffle_order={order!r}))
for loader in (train_dataloader, val_dataloader):
    loader['dataset']['pipeline'] = [dict(type='Resize', scale=32), dict(type='PackInputs')]
"""
LOAD = ('train', '{config}', '--work-dir', 'work', '--cfg-options')
DOORS = {
    'test': ('test', '{config}', '{file}'),
    'predict': ('predict', '{config}', '{file}', '{image}'),
    'export': ('export', '{config}', '{file}', '--format', 'torchscript', '--out', 'x.torchscript'),
    'load_from': (*LOAD, 'load_from={file}'),
    'init_cfg': (
        *LOAD,
        'model.backbone.init_cfg.type=Pretrained',
        'model.backbone.init_cfg.checkpoint={file}',
        'model.backbone.init_cfg.prefix=backbone.',
    ),
}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """One file of the weights for each backend, and an image."""
    import cv2

    folder = tmp_path_factory.mktemp('doors')
    state = make_weights('megvii', MEGVII, classes=10).tensors
    torch.save({key: torch.from_numpy(value) for key, value in state.items()}, folder / 'megvii.pth')
    for suffix in ('.pth', '.ckpt'):
        convert_file(folder / 'megvii.pth', folder / f'ours{suffix}')
    cv2.imwrite(str(folder / 'image.png'), np.zeros((64, 64, 3), np.uint8))
    return folder


def command(door, backend, folder, config, backend_is_named=True):
    suffix = '.pth' if backend == 'torch' else '.ckpt'
    names = {'config': config, 'file': folder / f'ours{suffix}', 'image': folder / 'image.png'}
    arguments = [part.format(**names) for part in DOORS[door]]
    if backend == 'mindspore' and door == 'export':
        arguments[-4:] = ['--format', 'mindir', '--out', 'x.mindir']
    at = arguments.index('--cfg-options') if '--cfg-options' in arguments else len(arguments)
    named = ['--backend', backend] if backend_is_named else []
    return [*arguments[:at], *named, *arguments[at:]]


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
@pytest.mark.parametrize('door', DOORS)
def test_weights_of_another_wiring_are_refused(door, backend, files, refused, tmp_path):
    config = write_config(tmp_path / 'paper.py', extra=BACKBONE.format(order='paper'))
    refused(*command(door, backend, files, config), words=('ours', "shuffle_order='megvii' (the network has 'paper')"))


def spoil(files, folder, kind, value) -> None:
    """Copy the files, with one value that no trained network has."""
    shutil.copy(files / 'image.png', folder)
    for suffix, names in (('.pth', (kind,)), ('.ckpt', (kind, kind.replace('running_var', 'moving_variance')))):
        content = read_content(files / f'ours{suffix}')
        tensors = {name: array.copy() for name, array in content.tensors.items()}
        next(array for name, array in tensors.items() if name.endswith(names)).flat[0] = value
        write_content(folder / f'ours{suffix}', Content(tensors, content.description))


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
@pytest.mark.parametrize(
    ('door', 'kind', 'value'),
    [*((door, 'weight', np.nan) for door in DOORS), ('test', 'weight', np.inf), ('test', 'running_var', -1.0)],
)
def test_spoilt_weights_are_refused(door, kind, value, backend, files, refused, tmp_path):
    (tmp_path / 'spoilt').mkdir()
    spoil(files, tmp_path / 'spoilt', kind, value)
    config = write_config(tmp_path / 'megvii.py', extra=BACKBONE.format(order='megvii'))
    refused(*command(door, backend, tmp_path / 'spoilt', config), words=('ours', 'is spoilt: ', 'saved before'))


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
@pytest.mark.parametrize('door', ['test', 'predict', 'export'])
def test_weights_of_the_same_wiring_are_taken_by_the_framework_of_their_file(door, backend, files, call, tmp_path):
    config = write_config(tmp_path / 'megvii.py', extra=BACKBONE.format(order='megvii'))
    status, _, errors = call(*command(door, backend, files, config, backend_is_named=False))
    assert status == 0, errors
    assert not [line for line in errors if 'does not say' in line]


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
def test_weights_of_unknown_wiring_load_and_that_is_said(backend, files, call, tmp_path, caplog):
    bare = tmp_path / 'bare'
    bare.mkdir()
    if backend == 'torch':
        torch.save(read_checkpoint(files / 'ours.pth')['state_dict'], bare / 'ours.pth')
    else:
        shutil.copy(files / 'ours.ckpt', bare)
    config = write_config(tmp_path / 'paper.py', extra=BACKBONE.format(order='paper'))
    status, _, errors = call(*command('test', backend, bare, config))
    assert status == 0, errors
    assert 'does not say which shuffle' in caplog.text


@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
def test_starting_from_a_file_without_the_models_weights_is_refused(backend, refused, tmp_path):
    config = write_config(tmp_path / 'job.py')
    path = tmp_path / ('other.pth' if backend == 'torch' else 'other.ckpt')
    weights = make_weights('openmmlab', {'type': 'ShuffleNetV2', 'widen_factor': 0.5}, classes=10)
    if backend == 'torch':
        torch.save({name: torch.from_numpy(value) for name, value in weights.tensors.items()}, path)
    else:
        write_content(path, Content(convert(weights, 'mindspore').tensors))
    options = (config, '--work-dir', 'work', '--backend', backend, '--cfg-options', f'load_from={path}')
    refused('train', *options, words=('other',))
    assert not (tmp_path / 'work').exists()


def test_a_partial_fit_names_what_is_missing(call, tmp_path):
    config = write_config(tmp_path / 'job.py')
    weights = make_weights('openmmlab', {'type': 'ShuffleNetV1', 'widen_factor': 0.5, 'small_stem': True}, classes=9)
    del weights.tensors['layers.2.3.g_conv_1x1_expand.bn.bias']
    write_weights(tmp_path / 'nine.pth', weights)
    options = ('--work-dir', 'work', '--cfg-options', 'load_from=nine.pth', 'train_cfg.max_epochs=2')
    status, _, errors = call('train', config, *options)
    assert status == 0, errors
    log = next(tmp_path.glob('work/*/*.log')).read_text()
    assert 'nine.pth: 293 of 296 tensors loaded' in log
    assert 'not in the file: backbone.layers.2.3.g_conv_1x1_expand.bn.bias' in log
    assert 'head.fc.weight (9, 480) instead of (10, 480)' in log


# What a bomb would unpack to, and what importing the frameworks may take meanwhile.
BOMB, ALLOWED = 2**30, 500 * 2**20


@pytest.fixture(scope='module')
def bomb(tmp_path_factory):
    """A small zip archive whose pickle would unpack to a gigabyte, as a checkpoint and as a training state."""
    folder = tmp_path_factory.mktemp('bomb')
    for suffix, member in (('.pth', 'archive/data.pkl'), ('.state.npz', 'meta.npy')):
        archive = zipfile.ZipFile(folder / f'ours{suffix}', 'w', zipfile.ZIP_DEFLATED, compresslevel=1)
        with archive, archive.open(member, 'w') as stream:
            for _ in range(64):
                stream.write(bytes(BOMB // 64))
    return folder


@pytest.mark.parametrize('door', [*DOORS, 'resume'])
def test_bombs_are_refused_before_they_unpack(door, bomb, files, refused, tmp_path):
    config = write_config(tmp_path / 'job.py')
    names = {'config': config, 'file': bomb / 'ours.pth', 'image': files / 'image.png'}
    resume = ('train', '{config}', '--work-dir', 'work', '--resume', '{file}')
    arguments = [part.format(**names) for part in DOORS.get(door, resume)]
    before = peak_memory()
    refused(*arguments, words=('ours.pth', 'do not compress like that'))
    assert peak_memory() - before < ALLOWED


def test_a_bomb_as_training_state_of_mindspore_is_refused(bomb, files, refused, tmp_path):
    config = write_config(tmp_path / 'job.py')
    for name in ('ours.ckpt', 'ours.ckpt.json'):
        shutil.copy(files / name, tmp_path)
    shutil.copy(bomb / 'ours.state.npz', tmp_path)
    before = peak_memory()
    options = (config, '--backend', 'mindspore', '--work-dir', 'work', '--resume', 'ours.ckpt')
    refused('train', *options, words=('ours.state.npz', 'do not compress like that'))
    assert peak_memory() - before < ALLOWED


@pytest.mark.parametrize('door', [*DOORS, 'resume'])
@pytest.mark.parametrize('content', [{'meta': 'text'}, {'state_dict': None}], ids=['meta', 'state_dict'])
def test_checkpoints_whose_parts_are_no_dicts_are_refused(door, content, files, refused, tmp_path):
    config = write_config(tmp_path / 'job.py')
    torch.save(read_checkpoint(files / 'ours.pth') | content, tmp_path / 'spoilt.pth')
    names = {'config': config, 'file': tmp_path / 'spoilt.pth', 'image': files / 'image.png'}
    resume = ('train', '{config}', '--work-dir', 'work', '--resume', '{file}')
    arguments = [part.format(**names) for part in DOORS.get(door, resume)]
    refused(*arguments, words=('spoilt.pth is damaged', f'its {next(iter(content))} is a'))
