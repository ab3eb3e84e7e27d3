"""tools/benchmark.py --processes data: the pictures, the stages and the tables."""

import importlib

import pytest

from shufflenet_zoo.benchmark import measure, pipeline
from shufflenet_zoo.jobs.config import load_config

STAGES = [
    'LoadImageFromFile',
    'RandomResizedCrop',
    'ColorJitter',
    'RandomFlip',
    'PackInputs',
    'batching',
    'normalising',
]


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    return pipeline.write_images(tmp_path_factory.mktemp('images'), 2)


def test_images_are_of_imagenets_size(paths):
    import cv2

    assert cv2.imread(str(paths[0])).shape == (375, 500, 3)
    assert all(path.stat().st_size == pytest.approx(115_000, rel=0.1) for path in paths)


@pytest.mark.parametrize(
    ('worker', 'names'),
    [
        ('torch', STAGES),
        ('mindspore', STAGES),
        ('decoders', ['reading the file', 'OpenCV', 'Pillow', 'torchvision']),
    ],
)
def test_every_stage_runs(worker, names, paths):
    config = load_config('shufflenet-v1-1x-g3_in1k')
    orders = {
        'paths': [str(path) for path in paths],
        'pipeline': config.train_dataloader.dataset.pipeline,
        'preprocessor': dict(config.data_preprocessor),
    }
    module = importlib.import_module(f'shufflenet_zoo.benchmark.{worker}_stages')
    found = {}
    for name, run, note in module.stages(orders):
        run()
        found[name] = note
    assert [name for name in found if not name.startswith('simplejpeg')] == names
    if worker == 'decoders':
        assert found['OpenCV'] == "OpenCV's pixels"


def test_table_adds_the_stages_of_a_pipeline_up():
    stages = {'a': {'seconds': 0.002, 'note': ''}, 'b': {'seconds': 0.003, 'note': 'so'}}
    results = {
        'machine': measure.describe_machine(1),
        'bytes': 115_000.0,
        'stages': {'torch, some config': stages, 'decoders': stages},
        'networks': {'ours/v1, training, batch 32': 40.0},
    }
    text = pipeline.markdown(results)
    assert text.count('| all | 200 | 5.00 |  |') == 1
    assert text.count('| b | 333 | 3.00 | so |') == 2
    assert '| ours/v1, training, batch 32 | 40 |' in text
