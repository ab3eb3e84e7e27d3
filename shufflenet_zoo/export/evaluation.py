"""How accurate an exported file is on the test data of a config."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement, InstanceData

from shufflenet_zoo import deployed
from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.deployed.quiet import quiet
from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.export.torch_source import labelled_images
from shufflenet_zoo.jobs.datasets import check_data
from shufflenet_zoo.openmmlab.scope import enter_scope
from shufflenet_zoo.openmmlab.terminal import silence_known_warnings


def evaluate(config: Config, path: str | Path) -> dict[str, float]:
    """Run an exported file on every test image of its config.

    Args:
        config: What load_config returned, with a test_evaluator.
        path: A file that ``deployed.load`` takes.

    Returns:
        The metrics of the config's test_evaluator by name.

    Raises:
        ConfigError: if the config has no test_dataloader or no test_evaluator.
        DataError: if the file or the data is missing or damaged.
        DependencyError: if the file's runtime is not installed.
    """
    silence_known_warnings()
    for field in ('test_dataloader', 'test_evaluator'):
        if not config.get(field):
            raise ConfigError(f'{config.filename} has no {field}, which the file would be evaluated by')
    model = deployed.load(path)
    check_data(config, ('test_dataloader',))
    enter_scope(config)
    with quiet():  # pycocotools tells what it reads
        dataset = DATASETS.build(config.test_dataloader.dataset)
        evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    samples = _detected(model, dataset) if isinstance(model, deployed.Detector) else _classified(model, config)
    for sample in samples:
        evaluator.process([sample])
    with quiet():  # and prints tables
        return evaluator.evaluate(len(dataset))


def _detected(model: deployed.Detector, dataset: Any) -> Iterator[BaseDataElement]:
    for index in range(len(dataset)):
        said = dataset.get_data_info(index)
        boxes, scores, labels = model.find(read_image(said['img_path'])[..., ::-1])
        found = InstanceData(
            bboxes=torch.from_numpy(boxes), scores=torch.from_numpy(scores), labels=torch.from_numpy(labels)
        )
        shape = {'img_id': said['img_id'], 'ori_shape': (said['height'], said['width'])}
        yield BaseDataElement(metainfo=shape, pred_instances=found)


def _classified(model: deployed.Classifier, config: Config) -> Iterator[BaseDataElement]:
    for image, label in labelled_images(config):
        scores = torch.from_numpy(model.run(image)[0]).softmax(0)
        yield BaseDataElement(pred_score=scores, gt_label=torch.tensor([label]))
