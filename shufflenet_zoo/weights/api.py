"""What users and tools call: whole files from one layout to another, and what a file says about its backbone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from shufflenet_zoo.arch import SCOPE, Architecture
from shufflenet_zoo.weights.convert import Weights, convert
from shufflenet_zoo.weights.description import check_wiring
from shufflenet_zoo.weights.files import read_content, write_weights
from shufflenet_zoo.weights.layouts import CANONICAL
from shufflenet_zoo.weights.zoo import half_precision, read_any

# The layout that a file is converted into if none is named.
_DEFAULT_LAYOUTS = {'.ckpt': 'mindspore'}
Found = TypeVar('Found')


def convert_file(
    source: str | Path,
    destination: str | Path,
    *,
    source_layout: str | None = None,
    target_layout: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    prefix: str | None = None,
    part: str | None = None,
    check: Callable[[Weights, Weights], Found] | None = None,
    half: bool = False,
) -> tuple[Weights, Found | None]:
    """Convert a weight file; the destination is written at once at the end, or not at all.

    Args:
        source: A file of PyTorch, safetensors, MindSpore or numpy, or 'zoo://' and a name of the index.
        destination: A .pth, .pt, .pth.tar, .safetensors, .ckpt or .npz file.
        source_layout: Layout of the source. Default: None, recognised.
        target_layout: Layout of the destination. Default: None, 'mindspore' for a .ckpt file and else 'openmmlab'.
        backbone: Backbone arguments that the source's weights do not show, such as shuffle='even_odd'.
        prefix: What the names of the source's network begin with, where there are several. Default: None, found.
        part: 'backbone' to leave out the classifier and whatever else is not the backbone's. Default: None, all of the
            network.
        check: Called with the weights before and after, to raise an error if they differ; shufflenet_zoo.equivalence's
            ``verify_conversion`` runs both networks. Default: None, no check.
        half: Whether to round the converted weights to half precision.

    Returns:
        The converted weights, and what the check returned.

    Raises:
        CheckpointError: if the source cannot be read, does not fit its layout, or cannot be expressed in the target.
        DependencyError: if a package that a format or a network needs is not installed.
    """
    weights = read_any(source, source_layout, backbone, prefix=prefix, part=part)
    converted = convert(weights, target_layout or _DEFAULT_LAYOUTS.get(Path(destination).suffix, CANONICAL))
    found = check(weights, converted) if check else None
    if half:
        converted = half_precision(converted)
    write_weights(destination, converted)
    return converted, found


def backbone_of_file(path: str | Path) -> dict[str, Any] | None:
    """Return the backbone arguments that a weight file says reproduce its network, None if it does not say.

    Examples:
        model = dict(backbone=dict(**backbone_of_file(FILE), init_cfg=dict(
            type='Pretrained', checkpoint=FILE, prefix='backbone.')), ...)

    Raises:
        CheckpointError: if the file cannot be read.
    """
    said = read_content(path).description
    return said.backbone if said else None


def check_backbone(backbone: Mapping[str, Any], path: str | Path) -> None:
    """Check that a config's backbone is the network whose weights a file holds, as far as the file says.

    Backbones of others pass.

    Raises:
        ArgumentError: if an argument of the backbone is unknown or cannot be built.
        CheckpointError: if it is another network, with the arguments that would be right, or cannot be read.
    """
    if str(backbone.get('type')).rpartition('.')[0] in ('', SCOPE):
        check_wiring(Architecture.of(backbone), read_content(path).description, path, backbone.get('act_cfg'))
