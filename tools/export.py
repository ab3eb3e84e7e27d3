"""Write a trained classifier or detector into a file for an inference runtime, checked there against the live model."""

from shufflenet_zoo.commands.export import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
