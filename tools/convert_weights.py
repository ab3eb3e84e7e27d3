"""Convert ShuffleNet weights from one layout and file format into another."""

from shufflenet_zoo.commands.convert import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
