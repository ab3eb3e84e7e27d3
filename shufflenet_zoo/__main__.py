"""The command ``shufflenet-zoo``, also ``python -m shufflenet_zoo``."""

import argparse
import importlib
import sys

import shufflenet_zoo
from shufflenet_zoo.commands import COMMANDS
from shufflenet_zoo.errors import did_you_mean
from shufflenet_zoo.jobs import cli
from shufflenet_zoo.jobs.program import PROGRAM, program


def main() -> None:
    """Run the command that the first argument names with the arguments after it."""
    width = max(map(len, COMMANDS))
    commands = [f'  {name:<{width}}  {text}' for name, text in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description='ShuffleNet V1 and V2 for MMPretrain, MMDetection and MindSpore.',
        epilog='\n'.join(['commands:', *commands, '', f'{PROGRAM} COMMAND --help tells the options of a command.']),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'{PROGRAM} {shufflenet_zoo.__version__}')
    parser.add_argument('command', metavar='COMMAND', help='one of those below')
    command = parser.parse_args(sys.argv[1:2]).command
    if command not in COMMANDS:
        parser.error(f'there is no command {command!r}{did_you_mean(command, COMMANDS)}')
    sys.argv = [f'{program()} {command}', *sys.argv[2:]]
    cli.run(importlib.import_module(f'shufflenet_zoo.commands.{command}').main)


if __name__ == '__main__':
    main()
