"""Writing into the parameters of a network or an optimizer that may have been compiled."""

import mindspore as ms
from mindspore import Parameter, Tensor, ops


def write(parameter: Parameter, value: Tensor) -> None:
    """Give a parameter a value, such that what is compiled already takes it.

    In Graph mode a single operator (``ops.assign``) would run beside the graphs, and their memory with it: of 1,600
    iterations that set the learning rate in that way, two returned a wrong loss. In PyNative mode, what is compiled
    keeps the old value after ``set_data``.

    Args:
        parameter: The parameter.
        value: Its new value, memory that nothing else uses.
    """
    if ms.get_context('mode') == ms.GRAPH_MODE:
        parameter.set_data(value)
    else:
        ops.assign(parameter, value)
