"""The generated configs and metafiles against index, networks and publishers; mmpretrain finds the names."""

import sys

import cv2
import mmpretrain
import numpy as np
import pytest
import torch
import torchvision
from helpers.layout_weights import make_weights
from helpers.server import serving
from helpers.signal import carry_signal
from helpers.tiny_job import ROOT
from helpers.zoo_server import publish
from mmengine.registry import MODELS
from mmpretrain.apis.model import ModelHub
from modelindex.load_model_index import load
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_zoo import announce
from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.data import digits
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab import model_index
from shufflenet_zoo.weights import convert
from shufflenet_zoo.weights.download import HOME
from shufflenet_zoo.weights.index import published_weights

ROWS = {row.alias or row.name: row for row in model_index.listed_weights()}


@pytest.fixture(scope='module')
def models():
    """The models of the index, as OpenMMLab's own reader understands it."""
    index = load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    return {model.name: model for model in index.models}


def test_the_files_are_those_of_the_index():
    """Stale? python -m shufflenet_zoo.openmmlab.model_index writes them anew."""
    files = model_index.generated_files()
    assert {path for path in files if (ROOT / path).read_text(encoding='utf-8') != files[path]} == set()
    found = {path.relative_to(ROOT) for path in (ROOT / model_index.FOLDER).iterdir() if path.is_file()}
    assert found == files.keys() - {model_index.INDEX}


def test_every_readable_classifier_is_there(models):
    checked = [row for row in published_weights() if row.hash or row.file]
    readable = {row.alias or row.name for row in checked if row.part == 'classifier' and not row.refused}
    assert models.keys() == readable == ROWS.keys()


@pytest.mark.parametrize('name', ROWS)
def test_model(name, models):
    """The config builds the network that converted weights are of; the metafile counts it as PyTorch does."""
    row, model = ROWS[name], models[name]
    config = load_config(ROOT / model.config)
    own = Architecture.of(config.model.backbone)
    layout = model_index._layout(row)
    weights = make_weights(layout.name, {'type': own.family, **row.architecture})
    assert not own.difference(convert(weights, 'openmmlab').architecture)
    assert config.load_from == row.address

    said = row.preprocessing
    assert {key: config.data_preprocessor[key] for key in ('mean', 'std', 'to_rgb')} == {
        key: said[key] for key in ('mean', 'std', 'to_rgb')
    }
    for loader in (config.val_dataloader, config.test_dataloader):
        inner = [step for step in loader.dataset.pipeline if step.type not in ('LoadImageFromFile', 'PackInputs')]
        assert model_index._completed(inner) == said['pipeline']

    with torch.device('meta'):
        network = MODELS.build({**config.model, 'data_preprocessor': None, 'type': 'mmpretrain.ImageClassifier'}).eval()
        side = {'imagenet-1k': 224, 'digits': 16}.get(row.dataset, 32)
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            logits = network.head(network.extract_feat(torch.zeros(1, 3, side, side)))
    assert logits.shape == (1, len(row.class_names))
    assert model.metadata.data['Parameters'] == sum(p.numel() for p in network.parameters())
    assert model.metadata.data['FLOPs'] == flops.get_total_flops() / 2
    metrics = {key: value for key, value in (('Top 1 Accuracy', row.top1), ('Top 5 Accuracy', row.top5)) if value}
    assert model.results[0].metrics == metrics
    assert model.weights == (row.url or row.address)


def test_mmpretrain_classifies_with_shipped_weights():
    images, labels = digits.load_split('test')
    image = cv2.resize(images[7], None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert set(ROWS) <= set(mmpretrain.list_models('*shufflenet*'))
    result = mmpretrain.inference_model('shufflenet_v1_digits', image)
    assert result['pred_class'] == digits.CLASSES[labels[7]]
    inferencer = mmpretrain.ImageClassificationInferencer('shufflenet_v2_digits')
    assert [found['pred_label'] for found in inferencer(list(images[:8]), batch_size=8)] == list(labels[:8])


def test_mmpretrain_loads_other_publishers_weights(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / 'cache'))
    theirs = carry_signal(torchvision.models.shufflenet_v2_x0_5()).eval()
    with serving() as server:
        name = 'shufflenet_v2_0.5x@torchvision'
        publish(monkeypatch, server, name, lambda path: torch.save(theirs.state_dict(), path), tmp_path)
        ours = mmpretrain.get_model(name, pretrained=True)
    pixels = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        found, expected = ours.head(ours.extract_feat(pixels)), theirs(pixels)
    assert np.abs(found - expected).max() <= 1e-5 * expected.abs().max()
    assert ours._dataset_meta['classes'] == ROWS[name].class_names


def test_registering_again_is_harmless(monkeypatch):
    """Both packages are imported, ours first; as if ours came second, and then once more."""
    before = dict(ModelHub._models_dict)
    monkeypatch.setattr(ModelHub, '_models_dict', {name: info for name, info in before.items() if name not in ROWS})
    for _ in range(2):
        announce.install()
        assert sum(type(finder).__module__ == announce.__name__ for finder in sys.meta_path) == 1
        assert ModelHub._models_dict.keys() == before.keys()
        assert {ModelHub._models_dict[name].weights for name in ROWS} == {row.address for row in ROWS.values()}


def test_shipped_configs_are_bases_of_others(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text("_base_ = 'shufflenet_zoo::imagenet/shufflenet-v2-1x_in1k.py'\ntrain_cfg = dict(max_epochs=3)\n")
    expected = load_config('shufflenet-v2-1x_in1k').to_dict()
    expected['train_cfg']['max_epochs'] = 3
    assert load_config(path).to_dict() == expected
