"""The circumstances under which every network is compared."""

from dataclasses import dataclass

from shufflenet_zoo.equivalence.mindspore_network import GRAPH, PYNATIVE


@dataclass(frozen=True)
class Case:
    """The input of a comparison, and MindSpore's mode.

    Attributes:
        height: Height of the images.
        width: Their width.
        batch: Images in the batch.
        channels: Channels of the images.
        mode: 'Graph' or 'PyNative'.
    """

    height: int
    width: int
    batch: int
    channels: int
    mode: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the batch."""
        return self.batch, self.channels, self.height, self.width

    def __str__(self) -> str:
        return f'{"x".join(map(str, self.shape))} {self.mode}'


# Of size, batch, channels and mode every pair of values occurs in a row, in as few rows as possible.
CASES = (
    Case(224, 224, 4, 3, GRAPH),
    Case(225, 225, 1, 1, GRAPH),
    Case(97, 160, 4, 1, PYNATIVE),
    Case(224, 224, 1, 1, PYNATIVE),
    Case(225, 225, 4, 3, PYNATIVE),
    Case(97, 160, 1, 3, GRAPH),
)


def cases_of(position: int) -> tuple[Case, ...]:
    """Return the rows for one network of several: half of them, every size once, each network another half."""
    first, second = CASES[:3], CASES[3:]
    return first if position % 2 == 0 else second


def training_mode_of(position: int) -> str:
    """Return MindSpore's mode for the training of one network of several."""
    return PYNATIVE if position % 2 == 0 else GRAPH
