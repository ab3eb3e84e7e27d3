"""Write the handwritten digits of scikit-learn as a folder of images."""

from shufflenet_zoo.commands.digits import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
