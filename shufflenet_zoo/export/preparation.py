"""What a test pipeline does to an image before it is normalised, in the words of the files' metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_zoo.data.images import INTERPOLATIONS
from shufflenet_zoo.errors import ConfigError

# Steps that leave the pixels alone.
_NEUTRAL = ('PackInputs', 'PackDetInputs', 'LoadAnnotations')


def describe_steps(steps: Sequence[Mapping[str, Any]], input_size: tuple[int, int] | None) -> dict[str, Any]:
    """Return the values of Metadata that say how images are resized and cut.

    Args:
        steps: The test pipeline.
        input_size: Height and width that were asked for in place of the pipeline's; the resize follows the crop.
    """
    said = {'short_side': None, 'crop_size': None, 'interpolation': 'bilinear', 'resize_backend': 'cv2'}
    for step in steps:
        options = dict(step)
        kind = str(options.pop('type')).rpartition('.')[2]
        if kind == 'ResizeEdge' and said['short_side'] is None and said['crop_size'] is None and _is_known(options):
            said['short_side'] = options['scale']
            said['interpolation'] = options.get('interpolation', 'bilinear')
            said['resize_backend'] = options.get('backend', 'cv2')
        elif kind == 'CenterCrop' and said['crop_size'] is None and set(options) == {'crop_size'}:
            width, height = _pair(options['crop_size'])
            said['crop_size'] = (height, width)
        elif kind not in _NEUTRAL and not (kind == 'LoadImageFromFile' and not options):
            arguments = ', '.join(f'{name}={value!r}' for name, value in options.items())
            return said | {'other_step': f'{kind}({arguments})'}
    if input_size and said['short_side'] is not None:
        height, width = said['crop_size'] or (said['short_side'],) * 2
        factor = max(input_size[0] / height, input_size[1] / width)
        said |= {'short_side': round(said['short_side'] * factor), 'crop_size': tuple(input_size)}
    return said


def describe_fitting(
    steps: Sequence[Mapping[str, Any]], input_size: tuple[int, int] | None, config: str
) -> dict[str, Any]:
    """Return the values of DetectorMetadata that say how images are brought to the input size.

    Args:
        steps: The test pipeline: one Resize and, if it keeps the ratio, Pad.
        input_size: Height and width that were asked for in place of the pipeline's. Default: None, the pipeline's.
        config: The config's file, for errors.

    Raises:
        ConfigError: if the pipeline has other steps, or makes images of different sizes.
    """
    resize, pad = None, None
    for step in steps:
        options = {name: value for name, value in step.items() if name not in ('type', '_scope_') and value is not None}
        kind = str(step['type']).rpartition('.')[2]
        if kind == 'Resize' and resize is None and 'scale' in options:
            resize = options
        elif kind == 'Pad' and resize and pad is None and _fills_up(options, resize):
            pad = options
        elif kind not in _NEUTRAL and not (kind == 'LoadImageFromFile' and not options):
            raise ConfigError(
                f'{config}: export takes a test pipeline of Resize, and Pad to a size; it has '
                f'{kind}({", ".join(f"{name}={value!r}" for name, value in options.items())})'
            )
    if resize is None:
        raise ConfigError(f'{config}: the test pipeline has no Resize, which would give the size of the images')
    width, height = _pair(resize['scale'])
    keeps_ratio = resize.get('keep_ratio', False)
    if input_size is None and keeps_ratio and width != height:
        raise ConfigError(
            f'{config}: the size of the images depends on their proportions; give it with --input-size HEIGHT WIDTH'
        )
    return {
        'input_size': tuple(input_size or (height, width)),
        'keep_ratio': keeps_ratio,
        'padding': _grey_level(pad['pad_val']) if pad else None,
        'interpolation': resize.get('interpolation', 'bilinear'),
        'resize_backend': resize.get('backend', 'cv2'),
    }


def _fills_up(pad: Mapping[str, Any], resize: Mapping[str, Any]) -> bool:
    return set(pad) == {'size', 'pad_val'} and tuple(pad['size']) == _pair(resize['scale'])


def _grey_level(padding: Any) -> int:
    """Return the one level of a Pad's ``pad_val``."""
    levels = padding['img'] if isinstance(padding, Mapping) else padding
    (level,) = set(levels) if isinstance(levels, Sequence) else {levels}
    return level


def _is_known(options: Mapping[str, Any]) -> bool:
    return (
        set(options) <= {'scale', 'edge', 'backend', 'interpolation'}
        and options.get('edge', 'short') == 'short'
        and options.get('interpolation', 'bilinear') in INTERPOLATIONS.get(options.get('backend', 'cv2'), ())
    )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
