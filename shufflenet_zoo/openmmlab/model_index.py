"""What MIM and mmpretrain know of the published weights: a config for each, and OpenMMLab's index of models.

``python -m shufflenet_zoo.openmmlab.model_index`` writes them anew into a checkout; a test compares them.
"""

import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config

from shufflenet_zoo.arch import V1, V2, Architecture
from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.weights.convert import Weights, choose_target
from shufflenet_zoo.weights.index import PublishedWeights, published_weights
from shufflenet_zoo.weights.layouts import CANONICAL, LAYOUTS, Layout

ROOT = Path(__file__).parents[2]
FOLDER = Path('configs/published')
INDEX, METAFILE = Path('model-index.yml'), FOLDER / 'metafile.yml'
_WIDTH = 120
# By data set: its name in OpenMMLab's indices, the config of its images and that of a training on it.
_DATASETS = {
    'imagenet-1k': ('ImageNet-1k', 'imagenet_rgb', 'imagenet_bs1024_linear'),
    'cifar10': ('CIFAR-10', 'cifar10', 'cifar10_bs128'),
    'cifar100': ('CIFAR-100', 'cifar100', 'cifar10_bs128'),
    'digits': ("scikit-learn's digits", 'digits', 'digits_bs64'),
}
# Sides of images that are neither resized nor cropped.
_SIZES = {'cifar10': 32, 'cifar100': 32}
_COLLECTIONS = {
    V1: (
        'ShuffleNet V1',
        'https://arxiv.org/abs/1707.01083',
        'ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices',
    ),
    V2: (
        'ShuffleNet V2',
        'https://arxiv.org/abs/1807.11164',
        'ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design',
    ),
}
_TASK = 'Image Classification'


def listed_weights() -> list[PublishedWeights]:
    """Return the published classifiers that can be read, and checked by a hash, by name."""
    checked = (row for row in published_weights() if row.hash or row.file)
    rows = (row for row in checked if row.part == 'classifier' and not row.refused)
    return sorted(rows, key=lambda row: row.name)


def config_path(row: PublishedWeights) -> Path:
    """Return where the config of published weights lies in the checkout."""
    return FOLDER / f'{row.name.replace("@", "_")}.py'


def converted_architecture(row: PublishedWeights) -> Architecture:
    """Return the network that published weights are of once they are in our own layout."""
    return choose_target(Weights(_layout(row), row.architecture, {}), CANONICAL)[1]


def _layout(row: PublishedWeights) -> Layout:
    own = row.architecture
    return next(
        layout
        for layout in LAYOUTS
        if layout.family == own.family
        and (layout.name == row.layout if row.layout else not layout.is_ours)
        and not own.difference(layout.options)
    )


def config_text(row: PublishedWeights) -> str:
    """Return the config of published weights: what differs from the bases, and where to start from."""
    _, images, schedule = _DATASETS[row.dataset]
    architecture = converted_architecture(row)
    family = 'shufflenet_v1' if architecture.family == V1 else 'shufflenet_v2'
    bases = (f'models/{family}', f'datasets/{images}', f'schedules/{schedule}', 'default_runtime')
    accuracy = f'top-1 {row.top1:g} %' if row.top1 else f'top-5 {row.top5:g} %'
    about = textwrap.wrap(f'{row.name}: {accuracy} ({row.source}).', _WIDTH - 2)
    lines = [f'# {line}' for line in about]
    lines += ['_base_ = [', *(f"    '../_base_/{base}.py'," for base in bases), ']', '']
    lines += _model_lines(architecture, len(row.class_names), _base(f'models/{family}').model)
    lines += _preprocessing_lines(row.preprocessing, _base(f'datasets/{images}'))
    lines += [f"load_from = '{row.address}'"]
    return '\n'.join(lines) + '\n'


@cache
def _base(name: str) -> Config:
    return Config.fromfile(ROOT / 'configs' / '_base_' / f'{name}.py')


def _model_lines(architecture: Architecture, classes: int, base: Mapping[str, Any]) -> list[str]:
    def differing(values: Mapping[str, Any], section: str) -> dict[str, Any]:
        return {key: value for key, value in values.items() if base[section].get(key) != value}

    parts = {
        'backbone': differing(_told(architecture), 'backbone'),
        'head': differing({'num_classes': classes, 'in_channels': architecture.plan.out_channels[-1]}, 'head'),
    }
    lines = [f'    {name}={_call(values)},' for name, values in parts.items() if values]
    return ['model = dict(', *lines, ')'] if lines else []


def _told(architecture: Architecture) -> dict[str, Any]:
    """Return the arguments that a config must give: not those that build the same as the defaults."""
    defaults, told = Architecture(architecture.family, {}), architecture.reduced()
    return {key: told[key] for key in told if key not in defaults or architecture.difference({key: defaults[key]})}


def _preprocessing_lines(wanted: Mapping[str, Any], base: Config) -> list[str]:
    lines = []
    normalisation = {key: wanted[key] for key in ('mean', 'std', 'to_rgb')}
    if any(base.data_preprocessor[key] != value for key, value in normalisation.items()):
        lines += ['data_preprocessor = dict(', *(f'    {key}={value},' for key, value in normalisation.items()), ')']
    loading = [step for step in base.test_pipeline if step.type == 'LoadImageFromFile']
    steps = [*loading, *wanted['pipeline'], {'type': 'PackInputs'}]
    if _completed(base.test_pipeline) != _completed(steps):
        lines += ['test_pipeline = [', *(f'    {_call(step)},' for step in steps), ']']
        lines += ['val_dataloader = dict(dataset=dict(pipeline=test_pipeline))', 'test_dataloader = val_dataloader']
    return lines


def _completed(pipeline: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps of a pipeline with what mmpretrain resizes by where nothing is said."""
    resizing = {'backend': 'cv2', 'interpolation': 'bilinear'}
    return [{**(resizing if step['type'] == 'ResizeEdge' else {}), **step} for step in pipeline]


def _call(values: Mapping[str, Any]) -> str:
    return f'dict({", ".join(f"{key}={value!r}" for key, value in values.items())})'


def metafile() -> dict[str, Any]:
    """Return OpenMMLab's metadata of the published weights."""
    collections = [
        {
            'Name': name,
            'Metadata': {'Architecture': [name]},
            'Paper': {'URL': url, 'Title': title},
            'README': 'docs/zoo.md',
        }
        for name, url, title in _COLLECTIONS.values()
    ]
    return {'Collections': collections, 'Models': [_model(row) for row in listed_weights()]}


def _model(row: PublishedWeights) -> dict[str, Any]:
    architecture, (dataset, *_) = converted_architecture(row), _DATASETS[row.dataset]
    side = row.crop or row.resize or _SIZES[row.dataset]
    cost = total(analyse(architecture.plan, (side, side), len(row.class_names)))
    metrics = {'Top 1 Accuracy': row.top1, 'Top 5 Accuracy': row.top5}
    converted = {} if row.layout == CANONICAL else {'Converted From': {'Weights': row.url, 'Code': row.source}}
    return {
        'Name': row.alias or row.name,
        'In Collection': _COLLECTIONS[architecture.family][0],
        'Metadata': {'FLOPs': cost.multiply_adds, 'Parameters': cost.parameters, 'Training Data': dataset},
        'Results': [
            {
                'Dataset': dataset,
                'Task': _TASK,
                'Metrics': {name: value for name, value in metrics.items() if value is not None},
            }
        ],
        'Weights': row.url or row.address,
        'Config': str(config_path(row)),
        **converted,
    }


def generated_files() -> dict[Path, str]:
    """Return what is generated, by its path in the checkout."""
    files = {config_path(row): config_text(row) for row in listed_weights()}
    about = '# Written by python -m shufflenet_zoo.openmmlab.model_index.\n'
    for path, content in ((METAFILE, metafile()), (INDEX, {'Import': [str(METAFILE)]})):
        files[path] = about + yaml.safe_dump(content, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return files


def main() -> None:
    """Write the files, and remove configs of weights that are listed no more."""
    files = generated_files()
    for path, text in files.items():
        with replacing(ROOT / path) as draft:
            draft.write_text(text, encoding='utf-8')
    for path in (ROOT / FOLDER).glob('*.py'):
        if path.relative_to(ROOT) not in files:
            path.unlink()


if __name__ == '__main__':
    main()
