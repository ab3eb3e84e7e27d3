"""Draw which classes a classifier takes for which, on the test data of a config."""

from shufflenet_zoo.commands.confusion import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
