"""Prove that networks compute the same in PyTorch and in MindSpore."""

from shufflenet_zoo.commands.verify import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
