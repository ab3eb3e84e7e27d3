"""The three networks of a comparison: MindSpore's, and PyTorch's in single and in double precision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from shufflenet_zoo.equivalence.mindspore_network import MindSporeNetwork
from shufflenet_zoo.equivalence.mutations import Mutation
from shufflenet_zoo.equivalence.signal import signal_weights
from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.equivalence.torch_network import TorchNetwork, tensor_shapes


@dataclass(frozen=True)
class Trio:
    """One network three times, with the same weights.

    Attributes:
        subject: The network.
        tensors: The weights by canonical names.
        exact: PyTorch in float64: what every difference is measured from.
        single: PyTorch in float32: its difference from ``exact`` is the noise floor.
        mindspore: MindSpore in float32.
    """

    subject: Subject
    tensors: Mapping[str, np.ndarray]
    exact: TorchNetwork
    single: TorchNetwork
    mindspore: MindSporeNetwork

    def reload(self) -> None:
        """Give every network the first weights again."""
        for network in (self.exact, self.single, self.mindspore):
            network.load(self.tensors)


def build_trio(subject: Subject, mode: str, mutation: Mutation | None = None) -> Trio:
    """Build the three networks.

    Args:
        subject: The network.
        mode: MindSpore's mode, 'Graph' or 'PyNative'.
        mutation: A deliberate error. Default: None.
    """
    tensors = dict(signal_weights(subject.plan, tensor_shapes(subject)))
    tensors |= subject.tensors or {}
    edit_model = mutation.edit_model if mutation else None
    exact, single = (TorchNetwork(subject, tensors, dtype, edit_model) for dtype in ('float64', 'float32'))
    overrides = mutation.overrides(subject) if mutation else {}
    mindspore = MindSporeNetwork(subject, tensors, mode, overrides, mutation.edit_weights if mutation else None)
    return Trio(subject, tensors, exact, single, mindspore)


def with_channels(subject: Subject, channels: int) -> Subject:
    """Return the network for images of other channels; weights that the user gave fix them."""
    if subject.tensors is not None or subject.config is not None:
        return subject
    return replace(subject, backbone={**subject.backbone, 'in_channels': channels})
