"""List the networks, and the weights that are published of them."""

from shufflenet_zoo.commands.list import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
