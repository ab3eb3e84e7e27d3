"""ONNX files as their readers want to see them: constants folded, shapes inferred, names after the modules."""

from collections.abc import Iterable, Mapping

import onnx
from onnxscript import optimizer

# What the inputs of an operator with weights are called in a module.
_PARAMETERS = {('Conv', 1): 'weight', ('Conv', 2): 'bias', ('Gemm', 1): 'weight', ('Gemm', 2): 'bias'}


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network as torch.onnx traces it without what can be computed ahead, and with readable names.

    Nodes, and the values that they compute, are called after the module that they are traced from and their operator,
    such as ``backbone.layers.0.1.branch2.0.conv.Conv``: the second unit of the first stage. Parameters have the
    module's name and ``weight`` or ``bias``, as in a checkpoint.

    Args:
        model: The network; it has no subgraphs.
    """
    model = optimizer.optimize(model)
    del model.graph.value_info[:]
    _rename(model.graph)
    return onnx.shape_inference.infer_shapes(model)


def _rename(graph: onnx.GraphProto) -> None:
    kept = {value.name for value in (*graph.input, *graph.output)}
    taken, names = set(kept), {}
    parameters = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        path = _module_path(node.name)
        node.name = _free('.'.join([*path, node.op_type]), taken)
        for index, value in enumerate(node.input):
            if value in parameters and value not in names:
                own = _PARAMETERS.get((node.op_type, index), f'{node.op_type}_{index}')
                names[value] = _free('.'.join([*path, own]), taken)
        for value in node.output:
            if value not in kept:
                names[value] = node.name if len(node.output) == 1 else _free(f'{node.name}_output', taken)
    for node in graph.node:
        node.input[:] = _renamed(node.input, names)
        node.output[:] = _renamed(node.output, names)
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


def _module_path(name: str) -> list[str]:
    """Return the modules that a node was traced in, outermost first."""
    path: list[str] = []
    for part in name.split('/')[1:-1]:
        # A module in a list repeats the list's name.
        if path and part.startswith(f'{path[-1]}.'):
            path.pop()
        path.append(part)
    return path


def _free(name: str, taken: set[str]) -> str:
    """Return a name that nothing has yet, with a number where it is needed, and take it."""
    free, count = name, 2
    while free in taken:
        free, count = f'{name}_{count}', count + 1
    taken.add(free)
    return free


def _renamed(values: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return [names.get(value, value) for value in values]
