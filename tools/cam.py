"""Draw where in images a classifier sees a class, by Grad-CAM."""

from shufflenet_zoo.commands.cam import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
