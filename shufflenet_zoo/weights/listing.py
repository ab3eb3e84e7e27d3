"""The networks and their published weights as tables."""

from collections.abc import Sequence
from pathlib import Path

from shufflenet_zoo.arch import Plan
from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.arch.variants import get_variant, list_models
from shufflenet_zoo.errors import ArgumentError, did_you_mean
from shufflenet_zoo.weights import index
from shufflenet_zoo.weights.index import PublishedWeights, list_weights, published_weights

_NETWORK_COLUMNS = ('network', 'parameters', 'multiply-adds', 'published by')
_WEIGHT_COLUMNS = ('weights', 'top-1', 'top-5', 'parameters', 'size', 'data set', 'readable', 'licence')
# Classes of a network that was trained for nothing yet, as create_model has it.
_NUM_CLASSES = 1000
_BYTES = 4
Table = list[tuple[str, ...]]


def find(patterns: Sequence[str]) -> tuple[list[str], list[PublishedWeights]]:
    """Return the networks and the published weights that patterns name, weights in the order of their networks.

    Args:
        patterns: As list_models and list_weights take them; none: all.

    Raises:
        ArgumentError: if a pattern names nothing, with the nearest names.
    """
    models, names = set(), set()
    for pattern in patterns or ('*',):
        found = set(list_models(pattern)), set(list_weights(pattern))
        if not any(found):
            known = [*list_models(), *list_weights(), *(row.tag for row in published_weights())]
            hint = did_you_mean(pattern, known)
            raise ArgumentError(f'no network and no published weights are called {pattern!r}{hint}')
        models |= found[0]
        names |= found[1]
    rows = [row for row in published_weights() if (row.alias or row.name) in names]
    order = list_models()
    return sorted(models, key=order.index), sorted(rows, key=lambda row: order.index(row.model))


def network_table(models: Sequence[str]) -> Table:
    """Return a row for every network, below the names of the columns."""
    rows = [_NETWORK_COLUMNS]
    for model in models:
        variant = get_variant(model)
        cost = total(analyse(variant.plan(), num_classes=_NUM_CLASSES, head_bias=variant.head_bias))
        tags = dict.fromkeys(row.tag for row in published_weights() if row.model == model)
        rows.append((model, _millions(cost.parameters), _millions(cost.multiply_adds), ', '.join(tags)))
    return rows


def weight_table(rows: Sequence[PublishedWeights]) -> Table:
    """Return a row for all published weights, below the names of the columns."""
    return [_WEIGHT_COLUMNS, *map(_weight_row, rows)]


def _weight_row(row: PublishedWeights) -> tuple[str, ...]:
    plan = row.architecture.plan
    parameters = total(analyse(plan, num_classes=len(row.class_names) or None)).parameters
    return (
        row.alias or row.name,
        *('' if value is None else f'{value:.2f}' for value in (row.top1, row.top5)),
        _millions(parameters),
        '' if row.refused else _size(row, parameters, plan),
        row.result or row.dataset,
        _readable(row),
        row.licence,
    )


def _size(row: PublishedWeights, parameters: int, plan: Plan) -> str:
    if row.file:
        return f'{(Path(index.__file__).parent / row.file).stat().st_size / 1e6:.1f} MB'
    # Single precision, with the mean and variance of every normalised channel; publishers' files hold a little more.
    statistics = sum(2 * conv.out_channels for conv in plan.named_convs().values() if conv.norm)
    return f'~{_BYTES * (parameters + statistics) / 1e6:.1f} MB'


def _readable(row: PublishedWeights) -> str:
    if row.refused:
        return 'no'
    return ', '.join(filter(None, ('yes' if row.hash else 'with --trust', row.part == 'backbone' and 'its backbone')))


def _millions(count: int) -> str:
    return f'{count / 1e6:.2f} M'


def refusals(rows: Sequence[PublishedWeights]) -> dict[str, str]:
    """Return why weights cannot be read, by the tags of those that give the same reason."""
    tags: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.refused:
            tags.setdefault(row.refused, {})[row.tag] = None
    return {', '.join(names): reason for reason, names in tags.items()}
