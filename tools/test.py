"""Evaluate a checkpoint on the test data of a config file."""

from shufflenet_zoo.commands.test import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
