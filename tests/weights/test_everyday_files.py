"""The files that people bring, and what becomes of each; docs/weights.md has the same table in words."""

import argparse
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from helpers.layout_weights import make_weights
from safetensors.numpy import save_file

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import convert_file, file_ckpt, read_weights
from shufflenet_zoo.weights.content import Content

BACKBONES = {
    'V1': {'type': 'ShuffleNetV1', 'widen_factor': 0.5},
    'V2': {'type': 'ShuffleNetV2', 'widen_factor': 0.5},
    'megvii': {'type': 'ShuffleNetV2', 'widen_factor': 0.5, 'down_unit': 'keep', 'shuffle': 'even_odd'},
}
DOCUMENT = Path(__file__).resolve().parents[2] / 'docs' / 'weights.md'
TABLE = re.compile('<!-- everyday files -->\n(.*?)<!-- end of everyday files -->', re.DOTALL)

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class File:
    """A file that people bring.

    Attributes:
        name: What it is called.
        network: The tensors of the network in it, by their names in its layout; None: it is refused.
        wrap: Makes what is saved of them.
        left_out: What the note names of what is beside the network; empty: nothing is.
        options: Options of the conversion without which it is refused.
        told: What a refusal says.
    """

    name: str
    network: Callable[[], State] | None
    wrap: Callable[[State], Any] = dict
    left_out: str = ''
    options: Mapping[str, str] = field(default_factory=dict)
    told: str = ''


@cache
def state(layout: str, backbone: str = 'V2', classes: int = 7) -> State:
    made = make_weights(layout, BACKBONES[backbone], classes).tensors
    return {name: torch.from_numpy(value) for name, value in made.items()}


def torchvision_state(classes: int = 7, without: tuple[str, ...] = ()) -> State:
    whole = state('torchvision', classes=classes)
    return {name: value for name, value in whole.items() if name.partition('.')[0] not in without}


def headless(layout: str, backbone: str = 'V2', last: str = 'conv_last') -> State:
    whole = state(layout, backbone)
    return {name: value for name, value in whole.items() if not name.startswith(('head.', 'classifier', last))}


def behind(prefix: str) -> Callable[[State], State]:
    return lambda network: {f'{prefix}{name}': value for name, value in network.items()}


def beside_backbone(prefix: str = '') -> Callable[[State], State]:
    """Names as mmpretrain's classifier has them."""
    return lambda network: {
        f'{prefix}{name if name.startswith("head.") else f"backbone.{name}"}': value for name, value in network.items()
    }


def under(key: str, inner: Callable[[State], State] = dict, **others) -> Callable[[State], dict]:
    return lambda network: {'epoch': 3, **others, key: inner(network)}


def lightning(prefix: str, extra: State | None = None, **options) -> Callable[[State], dict]:
    """A checkpoint of Lightning's Trainer."""
    return lambda network: {
        'pytorch-lightning_version': '2.4.0',
        'state_dict': {**behind(prefix)(network), **(extra or {})},
        'optimizer_states': [{'state': {0: {'exp_avg': torch.ones(2)}}, 'param_groups': []}],
        'hyper_parameters': {'lr': 0.1, **options},
    }


def some(*names: str) -> State:
    return {name: torch.ones(2, 2) for name in names}


def with_some(wrap: Callable[[State], State], *names: str) -> Callable[[State], State]:
    return lambda network: {**wrap(network), **some(*names)}


V1 = lambda: state('openmmlab', 'V1')  # noqa: E731
V2 = lambda: state('openmmlab')  # noqa: E731
NANODET = lambda: torchvision_state(without=('conv5', 'fc'))  # noqa: E731
NANODET_CHECKPOINT = lightning(
    'model.backbone.',
    some('model.fpn.reduce.0.conv.weight', 'model.fpn.reduce.0.bn.weight', 'model.head.gfl_cls.0.weight'),
)
NANODET_NOTE = 'left out, not of the network: model.fpn.* (2 tensors), model.head.gfl_cls.0.weight'
SAVE_RIGHTLY = "torch.save({'state_dict': model.state_dict()}"

FILES = {
    "torchvision's": File('tv.pth', torchvision_state),
    "torchvision's, as `.pt`": File('tv.pt', torchvision_state),
    "torchvision's, for 10 classes": File('tv10.pth', lambda: torchvision_state(10)),
    "torchvision's without classifier": File('nofc.pth', lambda: torchvision_state(without=('fc',))),
    'DataParallel, `module.`': File('parallel.pth', torchvision_state, behind('module.')),
    'torch.compile, `_orig_mod.`': File('compiled.pth', torchvision_state, behind('_orig_mod.')),
    'safetensors': File('model.safetensors', torchvision_state),
    'safetensors, `shufflenet.`': File('wrapped.safetensors', torchvision_state, behind('shufflenet.')),
    "mmpretrain's V1, bare": File('v1.pth', V1, beside_backbone()),
    "mmpretrain's V1, checkpoint": File('epoch_1.pth', V1, under('state_dict', beside_backbone(), meta={})),
    "mmpretrain's V2, bare": File('v2.pth', V2, beside_backbone()),
    "mmpretrain's V2, checkpoint": File('epoch_2.pth', V2, under('state_dict', beside_backbone(), meta={})),
    **{
        f'Lightning `.ckpt`, `{prefix}`': File(f'{prefix}ckpt', torchvision_state, lightning(prefix))
        for prefix in ('model.', 'net.', 'backbone.', 'encoder.', 'model.net.', 'student.')
    },
    'Lightning, renamed to `.pth`': File('pl_net.pth', torchvision_state, lightning('net.')),
    'Lightning, options as a Namespace': File(
        'pl_namespace.ckpt', torchvision_state, lightning('model.', options=argparse.Namespace(lr=0.1))
    ),
    'Lightning, a loss beside the model': File(
        'pl_criterion.pth',
        torchvision_state,
        lightning('model.', some('criterion.weight')),
        'left out, not of the network: criterion.weight',
    ),
    'Lightning, student and teacher': File(
        'pl_two.pth',
        torchvision_state,
        lightning('student.', behind('teacher.')(torchvision_state())),
        'teacher.*',
        {'prefix': 'student.'},
        'several networks in it, behind student. (torchvision), teacher. (torchvision)',
    ),
    'NanoDet `.ckpt`': File('nanodet.ckpt', NANODET, NANODET_CHECKPOINT, NANODET_NOTE),
    'NanoDet, renamed to `.pth`': File('nanodet.pth', NANODET, NANODET_CHECKPOINT, NANODET_NOTE),
    'NanoDet, backbone alone': File('nanodet_backbone.pth', NANODET, behind('backbone.')),
    'under `net`': File('kuangliu.pth', torchvision_state, under('net', behind('module.'), acc=93.2)),
    'under `model_state_dict`': File('tutorial.pth', torchvision_state, under('model_state_dict', loss=torch.ones(()))),
    'under `weights`': File('weights.pth', torchvision_state, under('weights')),
    'under `state_dict_ema`': File('ema.pth.tar', torchvision_state, under('state_dict_ema', arch='shufflenet')),
    'timm, `state_dict` and `state_dict_ema`': File(
        'timm.pth.tar',
        torchvision_state,
        lambda network: {'state_dict': network, 'state_dict_ema': network},
        'state_dict.*',
        {'prefix': 'state_dict_ema.'},
        'behind state_dict. (torchvision), state_dict_ema. (torchvision)',
    ),
    'a classifier of several layers': File(
        'finetuned.pth',
        lambda: torchvision_state(without=('fc',)),
        with_some(dict, 'fc.1.weight', 'fc.1.bias'),
        'left out, not of the backbone: fc.* (2 tensors)',
        {'part': 'backbone'},
        '2 tensors left over (fc.1.weight, fc.1.bias); --part backbone',
    ),
    "mmdet's detector": File(
        'retinanet.pth',
        lambda: headless('openmmlab', 'V1'),
        under('state_dict', with_some(beside_backbone(), 'neck.fpn_convs.0.conv.weight', 'bbox_head.retina_cls.bias')),
        'neck.fpn_convs.0.conv.weight, bbox_head.retina_cls.bias',
    ),
    "mmpose's keypoints": File(
        'td-hm.pth',
        lambda: headless('openmmlab'),
        under('state_dict', with_some(beside_backbone(), 'head.deconv_layers.0.weight', 'head.final_layer.weight')),
        'head.* (2 tensors)',
    ),
    "mmrazor's distiller": File(
        'kd.pth',
        V2,
        under('state_dict', with_some(beside_backbone('architecture.'), 'teacher.backbone.conv1.weight')),
        'teacher.backbone.conv1.weight',
    ),
    'FastestDet, Yolo-FastestV2': File(
        'fastestdet.pth',
        lambda: headless('fastestdet', 'megvii'),
        with_some(behind('backbone.'), 'SPP.output.0.weight', 'detect_head.conv1x1.conv5x5.0.weight'),
        'SPP.output.0.weight, detect_head.conv1x1.conv5x5.0.weight',
    ),
    'PaddleClas, `.pdparams`': File('ShuffleNetV2_x0_5.pdparams', lambda: state('paddleclas')),
    'our training in MindSpore, without its `.json`': File(
        'epoch_3.ckpt', lambda: state('mindspore'), beside_backbone()
    ),
    'a whole model, pickled': File(
        'whole.pth', None, lambda _: torchvision.models.shufflenet_v2_x0_5(num_classes=1), told=SAVE_RIGHTLY
    ),
    'a dict with a whole model': File(
        'dict.pth', None, lambda _: {'model': torchvision.models.shufflenet_v2_x0_5(num_classes=1)}, told=SAVE_RIGHTLY
    ),
    'TorchScript': File(
        'script.pt', None, lambda _: torch.jit.script(torch.nn.Linear(2, 2)), told='TorchScript program'
    ),
}


def save(content: Any, path: Path) -> Path:
    if path.name == 'epoch_3.ckpt':
        file_ckpt.write(path, Content({name: value.numpy() for name, value in content.items()}))
    elif path.suffix == '.pdparams':
        arrays = {name: value.numpy() for name, value in content.items()}
        path.write_bytes(pickle.dumps(arrays | {'StructuredToParameterName@@': {}}, protocol=4))
    elif path.suffix == '.safetensors':
        save_file({name: value.numpy() for name, value in content.items()}, path, {'format': 'pt'})
    elif isinstance(content, torch.jit.ScriptModule):
        content.save(path)
    else:
        torch.save(content, path)
    return path


@pytest.mark.parametrize('name', FILES)
def test_what_becomes_of_everyday_files(name, tmp_path):
    file = FILES[name]
    network = file.network() if file.network else None
    path = save(file.wrap(network), tmp_path / file.name)
    if file.told:
        with pytest.raises(CheckpointError, match=re.escape(file.told)) as caught:
            convert_file(path, tmp_path / 'out.safetensors')
        assert '\n' not in str(caught.value)
        if network is None:
            return
    found = read_weights(path, **file.options)
    assert found.tensors.keys() == network.keys()
    assert all(np.array_equal(found.tensors[key], value.numpy()) for key, value in network.items())
    note = next((note for note in found.notes if note.startswith('left out')), '')
    assert file.left_out in note and bool(file.left_out) == bool(note)
    converted, _ = convert_file(path, tmp_path / 'out.safetensors', **file.options)
    assert any(key.startswith('layers.2.3.') for key in converted.tensors)


def test_the_document_has_the_same_table():
    """Every file, in the same words, and what becomes of it: converted, converted with an option, or refused."""
    rows = dict(
        re.match(r'\| (.*?) \| (.*) \|', line).groups()
        for line in TABLE.search(DOCUMENT.read_text(encoding='utf-8'))[1].splitlines()[2:]
    )
    assert list(rows) == list(FILES)
    for name, outcome in rows.items():
        file = FILES[name]
        assert outcome.startswith('refused') == (file.network is None), name
        assert ('left out' in outcome) == bool(file.left_out), name
        for option, value in file.options.items():
            assert f'`--{option} {value}`' in outcome, name
