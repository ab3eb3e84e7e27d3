"""Train the model of a config file."""

import argparse
import os

from shufflenet_zoo.commands.options import add_cfg_options, add_data, add_trust
from shufflenet_zoo.jobs.backends import BACKENDS, MEMORY_FORMATS, TrainOptions, load_backend
from shufflenet_zoo.jobs.cli import Parser
from shufflenet_zoo.jobs.launchers import LAUNCHERS
from shufflenet_zoo.jobs.memory import keep_freed_memory


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument('--work-dir', help='where checkpoints and logs go (default: ./work_dirs/<name of the config>)')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help="go on from a checkpoint; 'auto' or nothing: from the last one in the work directory",
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (bfloat16 on a CPU)')
    parser.add_argument('--compile', action='store_true', help='compile the backbone for training (PyTorch)')
    parser.add_argument(
        '--memory-format',
        choices=MEMORY_FORMATS,
        help='how PyTorch stores feature maps on a CPU; fastest: measured at the start (default: channels_last, with '
        '--compile contiguous)',
    )
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate by the batch size')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    parser.add_argument('--no-pin-memory', action='store_true', help='do not pin the memory of batches')
    parser.add_argument('--no-persistent-workers', action='store_true', help='start data workers anew every epoch')
    add_cfg_options(parser)
    add_data(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='how distributed training was started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to train (default: what there is)')
    parser.add_argument('--backend', choices=tuple(BACKENDS), default='torch', help='framework (default: torch)')
    add_trust(parser)
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from shufflenet_zoo.jobs.config import load_config, parse_overrides  # takes a second: after the options are checked

    config = load_config(args.config, parse_overrides(args.cfg_options), args.data)
    options = TrainOptions(
        work_dir=args.work_dir,
        resume=args.resume,
        amp=args.amp,
        compile=args.compile,
        memory_format=args.memory_format,
        auto_scale_lr=args.auto_scale_lr,
        validate=not args.no_validate,
        launcher=args.launcher,
        device=args.device,
        pin_memory=not args.no_pin_memory,
        persistent_workers=not args.no_persistent_workers,
    )
    keep_freed_memory()
    load_backend(args.backend).train(config, options)
