"""Train V1 with every number of groups, and without its channel shuffle; write the accuracies as a table."""

from shufflenet_zoo.commands.ablate import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
