"""A PyTorch model that computes in half precision."""

import copy

from torch import Tensor, nn


class _Half(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).half()

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images.half()).float()


def in_half(model: nn.Module) -> nn.Module:
    """Return a copy that computes in half precision and takes and returns float32."""
    return _Half(model).eval()
