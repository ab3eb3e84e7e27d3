"""Measure the accuracy of published weights, beside the published figures."""

from shufflenet_zoo.commands.validate import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
