"""Draw loss, learning rate and metrics of trainings, from their work directories."""

from shufflenet_zoo.commands.curves import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
