"""Errors that the checks must notice: each is one that a port of a network really makes.

A mutation changes one side of the comparison. Most change the MindSpore network; where only PyTorch has the switch,
the PyTorch networks. ``tools/verify_equivalence.py --mutation NAME`` applies one, and must end with status 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.subject import Subject
from shufflenet_zoo.errors import ArgumentError


@dataclass(frozen=True)
class Mutation:
    """A deliberate error.

    Attributes:
        name: What the command line calls it.
        check: The check that must notice it.
        overrides: Arguments of the MindSpore backbone that differ, from the subject's.
        edit_weights: Changes the weights after their conversion to MindSpore.
        edit_model: Changes the PyTorch networks.
        families: The networks that have what it changes.
    """

    name: str
    check: str
    overrides: Callable[[Subject], Mapping[str, Any]] = field(default=lambda subject: {})
    edit_weights: Callable[[dict[str, np.ndarray]], None] | None = None
    edit_model: Callable[[Any], None] | None = None
    families: tuple[str, ...] = ('ShuffleNetV1', 'ShuffleNetV2')


def _other_shuffle(subject: Subject) -> dict[str, Any]:
    if subject.family == 'ShuffleNetV1':
        return {'shuffle_order': 'paper' if subject.backbone.get('shuffle_order') == 'megvii' else 'megvii'}
    return {'shuffle': 'interleave' if subject.backbone.get('shuffle') == 'even_odd' else 'even_odd'}


def _other_pool(subject: Subject) -> dict[str, Any]:
    return {'pool_padding': 'symmetric' if subject.backbone.get('pool_padding') == 'same' else 'same'}


def _exclude_padding(model: Any) -> None:
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = False


def _swap_depthwise_channels(tensors: dict[str, np.ndarray]) -> None:
    name = next(
        name
        for name, array in tensors.items()
        if name.startswith('layers.') and array.ndim == 4 and array.shape[1:] == (1, 3, 3)
    )
    tensors[name] = tensors[name].copy()
    tensors[name][[0, 1]] = tensors[name][[1, 0]]


def _drop_key(tensors: dict[str, np.ndarray]) -> None:
    del tensors[next(name for name in tensors if name.startswith('layers.') and name.endswith('.conv.weight'))]


def _use_biased_variance(model: Any) -> None:
    """Let BatchNorm track the variance of a batch as it normalises by it: divided by n rather than n - 1."""
    import torch
    from torch import nn

    class BiasedBatchNorm(nn.BatchNorm2d):
        """Divides by n."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return super().forward(x)
            before = self.running_var.clone()
            y = super().forward(x)
            count = x.numel() // x.shape[1]
            kept = (1 - self.momentum) * before
            # A new tensor: autograd forbids to change the one that the forward pass has seen.
            self.running_var = kept + (self.running_var - kept) * (count - 1) / count
            return y

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = BiasedBatchNorm


MUTATIONS = {
    mutation.name: mutation
    for mutation in (
        Mutation('other-shuffle-order', 'forward', overrides=_other_shuffle),
        Mutation('same-padded-pool', 'forward', overrides=_other_pool),
        Mutation('count-include-pad-off', 'forward', edit_model=_exclude_padding, families=('ShuffleNetV1',)),
        Mutation('eps-1e-3', 'forward', overrides=lambda subject: {'norm_cfg': {'type': 'BN', 'eps': 1e-3}}),
        # PyTorch's 0.1 handed to MindSpore as it is means 0.9 there.
        Mutation(
            'momentum-uninverted', 'training', overrides=lambda subject: {'norm_cfg': {'type': 'BN', 'momentum': 0.9}}
        ),
        Mutation('swapped-depthwise-channel', 'forward', edit_weights=_swap_depthwise_channels),
        Mutation('dropped-key', 'weights', edit_weights=_drop_key),
        Mutation('biased-variance', 'training', edit_model=_use_biased_variance),
    )
}


def get_mutation(name: str, subjects: list[Subject]) -> Mutation:
    """Return a mutation by name.

    Raises:
        ArgumentError: if there is none, or a network does not have what it changes.
    """
    if name not in MUTATIONS:
        raise ArgumentError(f'there is no mutation {name!r}; there are {", ".join(MUTATIONS)}')
    mutation = MUTATIONS[name]
    for subject in subjects:
        if subject.family not in mutation.families:
            raise ArgumentError(
                f'{subject.name} has nothing that the mutation {name!r} changes; only '
                f'{", ".join(mutation.families)} has'
            )
    return mutation
