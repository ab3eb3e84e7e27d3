"""The tools with a tiny MindSpore network in place of every other, which compiles in a moment.

Run as ``python -m helpers.tiny_net TOOL ARGUMENT...``.
"""

import sys

from mindspore import nn

from shufflenet_zoo.commands import test, train
from shufflenet_zoo.jobs import cli
from shufflenet_zoo.mindspore_impl.losses import CrossEntropyLoss
from shufflenet_zoo.mindspore_impl.training import trainer


class Net(nn.Cell):
    """A convolution, a BatchNorm and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, pad_mode='pad', padding=1, weight_init='normal')
        self.bn = nn.BatchNorm2d(8, momentum=0.9)
        self.fc = nn.Dense(8, 10)

    def construct(self, x):
        return self.fc(nn.ReLU()(self.bn(self.conv(x))).mean((2, 3)))


def replace_networks(setattr=setattr) -> None:
    """Let the trainer build the tiny network, whatever the config says."""
    setattr(trainer, 'build_classifier', lambda model: (Net(), CrossEntropyLoss()))


if __name__ == '__main__':
    replace_networks()
    tool = {'train': train, 'test': test}[sys.argv.pop(1)]
    cli.run(tool.main)
