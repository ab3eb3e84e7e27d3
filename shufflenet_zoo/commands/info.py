"""Prints parameters, multiply-adds and memory access cost of a network, stage by stage.

python tools/model_info.py shufflenet_v1_g3_1.0x
python tools/model_info.py shufflenet_v1_g3 --size 224 224
python tools/model_info.py --list
"""

import argparse
from typing import Any

from shufflenet_zoo.arch import Plan, plan_backbone
from shufflenet_zoo.arch.complexity import Cost, analyse, total
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import ArgumentError, ConfigError
from shufflenet_zoo.jobs.cli import Parser

ROW = '{:<10} {:>16} {:>14} {:>14} {:>14} {:>14} {:>10}'
LIST_COLUMNS = ('variant', 'parameters', 'multiply-adds', 'published top-1 / top-5 (%)')
COLUMNS = ('part', 'output', 'parameters', 'multiply-adds', 'conv access', 'elementwise', 'access/MAC')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('network', nargs='?', help='a variant, or a config: a file, or the name of a shipped one')
    parser.add_argument('--size', type=int, nargs=2, default=(224, 224), metavar=('H', 'W'), help='image size')
    parser.add_argument('--classes', type=int, help="classes of the head; default: the config's, 1000 for variants")
    parser.add_argument('--list', action='store_true', help='list the variants with their published accuracies')
    parser.add_argument('--markdown', action='store_true', help='with --list: as the table of docs/models.md')
    args = parser.parse_args()
    if not args.list and not args.network:
        parser.error('name a variant or a config file, or use --list')
    return args


def find_backbone(model: Any) -> dict[str, Any]:
    """Return the backbone dict of a model config."""
    backbone = model.get('backbone') if isinstance(model, dict) else None
    if not backbone:
        raise ConfigError('the config has no model.backbone')
    return backbone


def read_network(name: str, classes: int | None) -> tuple[Plan, int | None, bool]:
    """Resolve a variant's name or a config file into a plan, the classes of its head and whether that has a bias."""
    if variant := VARIANTS.get(name):
        return variant.plan(), classes or 1000, variant.head_bias
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.jobs.shipped import find_config

    model = load_config(find_config(name, VARIANTS)).get('model')
    head = model.get('head') or {} if isinstance(model, dict) else {}
    return plan_backbone(find_backbone(model)), classes or head.get('num_classes'), True


def print_parts(plan: Plan, size: tuple[int, int], classes: int | None, head_bias: bool) -> None:
    """Print a row for every part, and the sum."""
    if min(size) < plan.min_size:
        raise ArgumentError(f'--size must be at least {plan.min_size}, the stride of the network; got {size}')
    parts = analyse(plan, size, classes, head_bias)

    def row(name: str, output: str, cost: Cost) -> str:
        access = cost.conv_access + cost.elementwise_access
        return ROW.format(
            name,
            output,
            f'{cost.parameters:,}',
            f'{cost.multiply_adds:,}',
            f'{cost.conv_access:,}',
            f'{cost.elementwise_access:,}',
            f'{access / cost.multiply_adds:.3f}',
        )

    print(ROW.format(*COLUMNS))
    for part in parts:
        print(row(part.name, 'x'.join(map(str, part.output)), part.cost))
    print(row('total', '', total(parts)))
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
        plan, classes, head_bias = read_network(args.network, args.classes)
        print_parts(plan, tuple(args.size), classes, head_bias)
