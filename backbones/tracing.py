"""Who is looking: the cases in which the networks compute the same in another way, or leave a check out.

They run eagerly as well as under torch.jit.trace, torch.compile, torch.export and the exporter to ONNX. Under
torch.fx.symbolic_trace nothing can be asked of a tensor, so functions that ask are leaves there (``torch.fx.wrap``).
"""

import torch
from torch import Tensor


def is_recorded() -> bool:
    """Whether a tracer, compiler or exporter looks: what a check found would hold for the example alone."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def is_compiled() -> bool:
    """Whether torch.compile looks, which torch.export may run within."""
    return torch.compiler.is_dynamo_compiling()


def is_exported() -> bool:
    """Whether torch.export looks; PyTorch's own function says so within torch.compile, too."""
    return torch.compiler.is_exporting() and not is_compiled()


def is_exported_for_any_size(x: Tensor) -> bool:
    """Whether torch.export looks at feature maps (N, C, H, W) whose height or width is any."""
    return is_exported() and any(isinstance(size, torch.SymInt) for size in x.shape[2:])


def stores_pixels(x: Tensor) -> bool:
    """Whether feature maps are to be stored pixel by pixel (channels last): on the CPU, and not exported.

    ONNX knows no such thing, and torch.export would tie the strides to conditions on the sizes.
    """
    return x.device.type == 'cpu' and not torch.onnx.is_in_onnx_export() and not is_exported()


def recomputes() -> bool:
    """Whether checkpointing has an effect: with gradients, and not within a compiler, which decides on its own."""
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()
