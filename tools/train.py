"""Train the model of a config file."""

from shufflenet_zoo.commands.train import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
