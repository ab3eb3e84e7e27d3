"""Show on a web page what models make of a picture."""

from shufflenet_zoo.commands.demo import main
from shufflenet_zoo.jobs import cli

if __name__ == '__main__':
    cli.run(main)
