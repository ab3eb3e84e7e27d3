"""What a test pipeline does to an image before it is normalised, in the words of the files' metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_zoo.data.images import INTERPOLATIONS

# Steps that leave the pixels alone.
_NEUTRAL = ('PackInputs', 'LoadAnnotations')


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


def _is_known(options: Mapping[str, Any]) -> bool:
    return (
        set(options) <= {'scale', 'edge', 'backend', 'interpolation'}
        and options.get('edge', 'short') == 'short'
        and options.get('interpolation', 'bilinear') in INTERPOLATIONS.get(options.get('backend', 'cv2'), ())
    )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
