"""Prints parameters, multiply-adds and memory access cost of a network, stage by stage."""

from shufflenet_zoo.commands.info import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
