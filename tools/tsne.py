"""Draw the features of the test images as points of a plane, by t-SNE."""

from shufflenet_zoo.commands.tsne import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
