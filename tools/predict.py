"""Classify images, or detect objects in them."""

from shufflenet_zoo.commands.predict import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
