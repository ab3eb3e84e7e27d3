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
    """A convolution, a norm and a linear layer.

    Args:
        norm: Type of the norm, 'BN' or 'GN'.
    """

    def __init__(self, norm='BN'):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, pad_mode='pad', padding=1, weight_init='normal')
        self.bn = nn.BatchNorm2d(8, momentum=0.9) if norm == 'BN' else nn.GroupNorm(2, 8)
        self.fc = nn.Dense(8, 10)

    def construct(self, x):
        return self.fc(nn.ReLU()(self.bn(self.conv(x))).mean((2, 3)))


def replace_networks(setattr=setattr) -> None:
    """Let the trainer build the tiny network, of whose config the type of the norm alone counts."""

    def build(model):
        norm = model.get('backbone', {}).get('norm_cfg') or {'type': 'BN'}
        return Net(norm['type']), CrossEntropyLoss()

    setattr(trainer, 'build_classifier', build)


def main() -> None:
    """Run a tool with the tiny network."""
    replace_networks()
    tool = {'train': train, 'test': test}[sys.argv.pop(1)]
    cli.run(tool.main)


if __name__ == '__main__':
    main()
