"""Prints parameters, multiply-adds and memory access cost of a network, stage by stage.

python tools/model_info.py shufflenet_v1_g3_1.0x
python tools/model_info.py shufflenet_v1_g3 --size 224 224
python tools/model_info.py --list
"""

import argparse
from dataclasses import dataclass
from typing import Any

from shufflenet_zoo.arch import Plan, plan_backbone
from shufflenet_zoo.arch.complexity import Cost, analyse, total
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.jobs.cli import Parser

# Models whose parts are all in the plan; others are counted by running what stands behind the backbone.
_CLASSIFIERS = (None, 'ImageClassifier', 'mmpretrain.ImageClassifier')
_LINEAR_HEADS = (None, 'LinearClsHead', 'mmpretrain.LinearClsHead')
# What networks are counted at where nothing else is said.
_SIZE = (224, 224)
ROW = '{:<24} {:>16} {:>14} {:>14} {:>14} {:>14} {:>10}'
LIST_COLUMNS = ('variant', 'parameters', 'multiply-adds', 'published top-1 / top-5 (%)')
COLUMNS = ('part', 'output', 'parameters', 'multiply-adds', 'conv access', 'elementwise', 'access/MAC')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('network', nargs='?', help='a variant, or a config: a file, or the name of a shipped one')
    parser.add_argument(
        '--size', type=int, nargs=2, metavar=('H', 'W'), help="image size; default: the config's, 224 224 for variants"
    )
    parser.add_argument('--classes', type=int, help="classes of the head; default: the config's, 1000 for variants")
    parser.add_argument('--list', action='store_true', help='list the variants with their published accuracies')
    parser.add_argument('--markdown', action='store_true', help='with --list: as the table of docs/models.md')
    args = parser.parse_args()
    if not args.list and not args.network:
        parser.error('name a variant or a config file, or use --list')
    return args


@dataclass(frozen=True)
class Network:
    """What is to be counted.

    Attributes:
        plan: The backbone.
        size: Height and width of its images, None where the config does not say it.
        classes: Classes of a linear head behind global pooling, None where there is another head or none.
        head_bias: Whether that head has a bias.
        config: The config, where necks and heads are to be counted by running them.
    """

    plan: Plan
    size: tuple[int, int] | None
    classes: int | None
    head_bias: bool = True
    config: Any = None


def read_network(name: str, classes: int | None) -> Network:
    """Resolve a variant's name or a config; classes replace those of the head.

    Raises:
        ConfigError: if there is no such config, or it has no backbone.
        ArgumentError: if its backbone is none of ours.
    """
    if variant := VARIANTS.get(name):
        return Network(variant.plan(), _SIZE, classes or 1000, variant.head_bias)
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.jobs.datasets import image_size
    from shufflenet_zoo.jobs.shipped import find_config

    config = load_config(find_config(name, VARIANTS))
    model = config.get('model')
    backbone = model.get('backbone') if isinstance(model, dict) else None
    if not backbone:
        raise ConfigError(f'{config.filename} has no model.backbone')
    plan, size, head = plan_backbone(backbone), image_size(config), model.get('head') or {}
    if model.get('type') in _CLASSIFIERS and head.get('type') in _LINEAR_HEADS:
        return Network(plan, size, classes or head.get('num_classes'))
    return Network(plan, size, None, config=config)


def print_parts(network: Network, size: tuple[int, int] | None) -> None:
    """Print a row for every part, and the sum."""
    plan, is_known = network.plan, bool(size or network.size)
    size = size or network.size or _SIZE
    if min(size) < plan.min_size:
        raise ArgumentError(f'--size must be at least {plan.min_size}, the stride of the network; got {size}')
    parts = analyse(plan, size, network.classes, network.head_bias)
    unused = [part for part in parts if part.name == 'last_conv' and len(plan.stages) not in plan.out_indices]
    parts = [part for part in parts if part not in unused]
    behind = {}
    if network.config:
        from shufflenet_zoo.openmmlab.counting import count_behind_backbone

        behind = count_behind_backbone(network.config, plan.in_channels, size)

    def row(name: str, output: str, cost: Cost, has_access: bool = True) -> str:
        access = cost.conv_access + cost.elementwise_access
        accesses = (f'{cost.conv_access:,}', f'{cost.elementwise_access:,}', f'{access / cost.multiply_adds:.3f}')
        return ROW.format(
            name,
            output,
            f'{cost.parameters:,}',
            f'{cost.multiply_adds:,}',
            *(accesses if has_access else '---'),
        )

    print(f'images of {size[0]}x{size[1]}' + ('' if is_known else '; the config does not say their size, --size does'))
    print(ROW.format(*COLUMNS))
    for part in parts:
        print(row(part.name, 'x'.join(map(str, part.output)), part.cost))
    for name, cost in behind.items():
        print(row(name, '', cost, has_access=False))
    print(row('total', '', sum(behind.values(), total(parts)), has_access=not behind))
    for part in unused:
        print(f'\n{part.name} is built, with {part.cost.parameters:,} parameters, and not used by these outputs.')
    print(
        '\nAccess costs count elements for one image: what convolutions, and what activations, sums, pools, shuffles,'
        '\nsplits and concatenations read and write (V2 paper, Section 2, G1 to G4).'
    )


def print_variants(row: str, heading: str) -> None:
    """Print every variant with its size and published accuracies, formatted by row, under the heading."""
    print(heading)
    for name, variant in VARIANTS.items():
        cost = total(analyse(variant.plan(), num_classes=1000, head_bias=variant.head_bias))
        results = [(r.source, f'{r.top1:g}' + (f' / {r.top5:g}' if r.top5 else '')) for r in variant.published]
        published = '; '.join(f'{accuracy} {source}' for source, accuracy in results)
        size = (f'{cost.parameters / 1e6:.2f} M', f'{cost.multiply_adds / 1e6:.1f} M')
        print(row.format(name, *size, published).rstrip())


def main() -> None:
    """Run the command line."""
    args = parse_args()
    if args.list and args.markdown:
        print_variants('| `{}` | {} | {} | {} |', f'| {" | ".join(LIST_COLUMNS)} |\n|---|---|---|---|')
    elif args.list:
        row = '{:<28} {:>10} {:>14}  {}'
        print_variants(row, row.format(*LIST_COLUMNS))
    else:
        print_parts(read_network(args.network, args.classes), tuple(args.size) if args.size else None)
