"""Measure the speed of ShuffleNets in every engine, beside named peers in the same process."""

from shufflenet_zoo.commands.benchmark import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
