"""Every row of the index against the metadata of the packages that publish it, and against the network built of it."""

import re
from pathlib import Path

import mmpretrain
import pytest
import torchvision
import yaml
from mmengine.config import Config
from mmpretrain.datasets import categories
from pytorchcv.models.common.model_store import get_model_metainfo_dict

from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights import get_weights, list_weights
from shufflenet_zoo.weights.download import fetch
from shufflenet_zoo.weights.files import read_content
from shufflenet_zoo.weights.index import class_names, published_weights

ROWS = published_weights()


def rows_of(*tags):
    return [pytest.param(row, id=row.name) for row in ROWS if row.tag in tags]


@pytest.mark.parametrize('row', [pytest.param(row, id=row.name) for row in ROWS])
def test_every_row_is_complete(row):
    assert row.architecture.plan
    assert bool(row.url) != bool(row.file)
    assert row.source and row.licence
    assert not re.search(r'[./\\]', row.tag)
    if row.hash:
        algorithm, digits = row.hash.split(':')
        assert re.fullmatch(r'[0-9a-f]{8,64}', digits) and algorithm in ('sha256', 'sha1')
        assert digits[:8] in row.url or len(digits) == 64
    if row.part == 'classifier':
        assert row.class_names and (row.file or row.mean)
    assert row.refused or row.part == 'backbone' or row.top1 or row.top5


@pytest.mark.parametrize('row', [pytest.param(row, id=row.name) for row in ROWS if row.file])
def test_files_in_the_package_say_what_the_index_says(row):
    path = fetch(row)
    assert path.stat().st_size < 2e6
    said = read_content(path).description
    assert said.architecture.family == row.architecture.family and not row.architecture.difference(said.architecture)
    assert said.class_names == row.class_names
    defaults = {'ResizeEdge': {'backend': 'cv2', 'interpolation': 'bilinear'}}
    steps = [defaults.get(step['type'], {}) | step for step in said.preprocessing['pipeline']]
    assert said.preprocessing | {'pipeline': steps} == row.preprocessing
    assert row.recipe and row.commit and row.top1 and len(row.hash) == len('sha256:') + 64


def test_names_are_unique():
    names = [row.name for row in ROWS] + [row.alias for row in ROWS if row.alias]
    assert len(names) == len(set(names))
    assert not {row.alias for row in ROWS} & VARIANTS.keys()


@pytest.mark.parametrize('dataset', ['imagenet-1k', 'cifar10', 'cifar100'])
def test_class_names(dataset):
    expected = {
        'imagenet-1k': torchvision.models.ShuffleNet_V2_X1_0_Weights.DEFAULT.meta['categories'],
        'cifar10': categories.CIFAR10_CATEGORIES,
        'cifar100': categories.CIFAR100_CATEGORIES,
    }
    assert class_names(dataset) == tuple(expected[dataset])


def torchvision_weights(row, *parts):
    name = 'X' + str(row.backbone_config['widen_factor']).replace('.', '_')
    return torchvision.models.get_weight(f'ShuffleNet_V2_{name}_{"Quantized" if parts else ""}Weights.DEFAULT')


@pytest.mark.parametrize('row', rows_of('torchvision', 'torchvision-int8'))
def test_torchvision(row):
    theirs = torchvision_weights(row, *(['int8'] if row.tag.endswith('int8') else []))
    assert row.url == theirs.url
    metrics = theirs.meta['_metrics']['ImageNet-1K']
    assert (row.top1, row.top5) == (metrics['acc@1'], metrics['acc@5'])
    if row.parameters:
        assert row.parameters == theirs.meta['num_params']
    steps = theirs.transforms()
    said = row.preprocessing
    assert said['mean'] == pytest.approx([255 * value for value in steps.mean])
    assert said['std'] == pytest.approx([255 * value for value in steps.std])
    resize, crop = said['pipeline']
    assert ([resize['scale']], [crop['crop_size']]) == (steps.resize_size, steps.crop_size)
    assert resize['interpolation'] == steps.interpolation.value


def test_all_of_torchvision_are_there():
    assert len(rows_of('torchvision')) == len(rows_of('torchvision-int8')) == 4


def test_mmpretrain():
    root = Path(mmpretrain.__file__).parent / '.mim'
    found = {}
    for family in ('v1', 'v2'):
        content = yaml.safe_load((root / f'configs/shufflenet_{family}/metafile.yml').read_text())
        for model in content['Models']:
            metrics = model['Results'][0]['Metrics']
            config = Config.fromfile(root / model['Config'])
            # OneDL's package names another host.
            found[Path(model['Weights']).name] = (metrics['Top 1 Accuracy'], metrics['Top 5 Accuracy'], config)
    rows = [row for row in ROWS if row.tag == 'mmpretrain']
    assert {Path(row.url).name for row in rows} == found.keys()
    for row in rows:
        top1, top5, config = found[Path(row.url).name]
        assert (row.top1, row.top5) == (top1, top5)
        said = dict(row.preprocessing)
        pipeline = [dict(step) for step in config.test_pipeline[1:-1]]
        assert [{**pipeline[0], 'interpolation': 'bilinear'}, *pipeline[1:]] == said.pop('pipeline')
        assert said == {key: config.data_preprocessor[key] for key in ('mean', 'std', 'to_rgb')}


def test_mindcv():
    from mindcv.models import shufflenetv1, shufflenetv2

    published = {**shufflenetv1.default_cfgs, **shufflenetv2.default_cfgs}
    assert {row.url for row in ROWS if row.tag == 'mindcv'} == {cfg['url'] for cfg in published.values() if cfg['url']}


def test_pytorchcv():
    published = {
        f'{name}-{error}-{sha1[:8]}.pth.zip': (parameters, int(error), sha1, release)
        for name, (parameters, error, sha1, release) in get_model_metainfo_dict().items()
        if name.startswith('shufflenet')
    }
    rows = {row.url.rpartition('/')[2]: row for row in ROWS if row.tag.startswith('pytorchcv')}
    assert rows.keys() == published.keys()
    for name, row in rows.items():
        parameters, error, sha1, release = published[name]
        assert (row.parameters, row.hash) == (parameters, f'sha1:{sha1}')
        assert row.top5 == pytest.approx(100 - error / 100)
        assert f'/releases/download/{release}/' in row.url


@pytest.mark.parametrize('row', [pytest.param(row, id=row.name) for row in ROWS if row.parameters])
def test_the_networks_have_the_published_number_of_parameters(row):
    assert total(analyse(row.architecture.plan, num_classes=1000)).parameters == row.parameters


def test_paddleclas_and_others_are_there():
    assert len(list_weights('paddleclas')) == 6
    assert len(list_weights('chenyaofo-cifar10*')) == 8
    assert len(list_weights('mmpose-*')) == 6
    assert get_weights('shufflenet_v2_1.0x@mmrazor-kd').top1 == 70.87


def test_lists_and_best_weights():
    assert 'shufflenet_v2_1.0x@torchvision' in list_weights('shufflenet_v2_1.0x')
    assert list_weights('v2_1.0x') == list_weights('shufflenet_v2_1.0x')
    assert get_weights('zoo://shufflenet_v2_1.0x').tag == 'mmrazor-kd'
    assert get_weights('shufflenet_v1_g8_1.0x').tag == 'pytorchcv'
    assert get_weights('shufflenet_v2_1.0x', 'torchvision').name == 'shufflenet_v2_1.0x@torchvision'


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('shufflenet_v2_50', 'nobody has published weights of shufflenet_v2_50'),
        ('shufflenet_v2_1.0x@torchvison', 'of shufflenet_v2_1.0x there are shufflenet_v2_1.0x@mmrazor-kd'),
        ('shuflenet_v2_1.0x@torchvision', 'did you mean shufflenet_v2_1.0x@torchvision'),
    ],
)
def test_unknown_names_get_the_nearest(name, words):
    with pytest.raises(CheckpointError, match=re.escape(words)):
        get_weights(name)
