"""Draw training images as they are augmented."""

from shufflenet_zoo.commands.augmented import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
