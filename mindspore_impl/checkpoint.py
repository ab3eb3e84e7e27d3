"""Loading and saving weights, strictly: MindSpore itself only warns about parameters that do not fit."""

from collections.abc import Mapping
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.errors import CheckpointError, first_names
from shufflenet_zoo.weights.content import Content, bfloat16
from shufflenet_zoo.weights.description import Description, check_wiring, known_activation
from shufflenet_zoo.weights.files import read_content, write_content
from shufflenet_zoo.weights.subtree import need_other_names
from shufflenet_zoo.weights.values import check_values
from shufflenet_zoo.weights.zoo import content_for, content_in, is_address

SUFFIXES = ('.ckpt', '.safetensors')
# The layout of this framework's own names.
LAYOUT = 'mindspore'


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise CheckpointError(
            f'{path}: MindSpore saves {" and ".join(SUFFIXES)} files; tools/convert_weights.py makes others of them'
        )


def _numpy_name(parameter: Parameter) -> str:
    """Return numpy's name of a parameter's type."""
    return str(parameter.dtype).lower()


def _check_fit(parameters: Mapping[str, Parameter], arrays: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Check that a file holds exactly a network's parameters."""
    problems = []
    if missing := [name for name in parameters if name not in arrays]:
        problems.append(f'{len(missing)} missing ({first_names(missing)})')
    if unknown := sorted(arrays.keys() - parameters.keys()):
        problems.append(f'{len(unknown)} unknown ({first_names(unknown)})')
    common = {name: (parameter, arrays[name]) for name, parameter in parameters.items() if name in arrays}
    if misshaped := [
        f'{name} {array.shape} instead of {tuple(parameter.shape)}'
        for name, (parameter, array) in common.items()
        if array.shape != tuple(parameter.shape)
    ]:
        problems.append(f'{len(misshaped)} misshaped ({first_names(misshaped)})')
    elif mistyped := [
        f'{name} {array.dtype} instead of {_numpy_name(parameter)}'
        for name, (parameter, array) in common.items()
        if array.dtype.name != _numpy_name(parameter)
    ]:
        problems.append(f'{len(mistyped)} of another type ({first_names(mistyped)})')
    if problems:
        raise CheckpointError(
            f'{path} does not fit the network: {"; ".join(problems)}; give the checkpoint of this architecture'
        )


def load_weights(cell: nn.Cell, path: str | Path, prefix: str = '') -> Description | None:
    """Load weights into a cell.

    Args:
        cell: The network, or a part of it.
        path: A weight file, of which one with other names than MindSpore's, such as a .pth, is converted on the way;
            'zoo://' and a name of the index of published weights; or a folder as save_pretrained writes it.
        prefix: Loads only what begins with it, and takes it off the names; 'backbone.' loads a classifier's
            backbone into a backbone.

    Returns:
        What the file says about itself, None if it says nothing.

    Raises:
        CheckpointError: if the file is missing or damaged, belongs to another network, or if a parameter is missing,
            unknown, or of another shape or type, or a value is not finite; the cell is unchanged then.
    """
    if is_address(path) or Path(path).is_dir():
        return load_content(cell, content_for(path, LAYOUT), path, prefix)
    content, backbone = read_content(path), backbone_in(cell)
    names = {prefix + parameter.name.removeprefix(prefix) for parameter in cell.get_parameters()}
    if backbone is not None and need_other_names(content.tensors, names):
        content = content_in(content, path, LAYOUT, backbone.architecture, bool(prefix) or cell is not backbone)
    return load_content(cell, content, path, prefix)


def load_content(cell: nn.Cell, content: Content, path: str | Path, prefix: str = '') -> Description | None:
    """Load what was read of a file into a cell, as ``load_weights`` does.

    Raises:
        CheckpointError: as ``load_weights`` does.
    """
    if (backbone := backbone_in(cell)) is not None:
        check_wiring(backbone.architecture, content.description, path, backbone.layer_cfg.act_cfg)
    arrays = {name.removeprefix(prefix): array for name, array in content.tensors.items() if name.startswith(prefix)}
    if not arrays:
        raise CheckpointError(f'{path} holds no parameter whose name begins with {prefix!r}')
    parameters = {parameter.name.removeprefix(prefix): parameter for parameter in cell.get_parameters()}
    _check_fit(parameters, arrays, path)
    check_values(arrays.items(), path)
    for name, parameter in parameters.items():
        parameter.set_data(Tensor(np.array(arrays[name])))
    return content.description


def backbone_in(cell: nn.Cell) -> nn.Cell | None:
    """Return the backbone of ours in a network, None where it has none."""
    parts = (part for _, part in cell.cells_and_names())
    return next((part for part in parts if isinstance(getattr(part, 'architecture', None), Architecture)), None)


def save_weights(cell: nn.Cell, path: str | Path, description: Description | None = None) -> None:
    """Save a cell's weights with what they are; the file is whole, or as it was before, at any moment.

    Args:
        cell: The network.
        path: A .ckpt or .safetensors file; what it is lies beside a .ckpt file, in <file>.json.
        description: What the file says about itself. Default: None, what the cell's backbone is.

    Raises:
        CheckpointError: if the file cannot be written.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.parent.is_dir():
        raise CheckpointError(f'{path} cannot be written: the folder {path.parent} does not exist')
    if description is None and (backbone := backbone_in(cell)) is not None:
        description = Description(backbone.architecture, LAYOUT, known_activation(backbone.layer_cfg.act_cfg))
    write_content(path, Content({p.name: to_numpy(p) for p in cell.get_parameters()}, description))


def to_numpy(parameter: Parameter) -> np.ndarray:
    """Return a parameter's values, in its own type."""
    if parameter.dtype == ms.bfloat16:  # numpy has no such type, and mindspore does not convert it
        return parameter.astype(ms.float32).asnumpy().astype(bfloat16())
    return parameter.asnumpy()
