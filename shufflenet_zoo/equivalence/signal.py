"""Weights and images that hide no error.

With a plain random initialisation the logits of a same-padded and a symmetric pool differ by 5e-6 only. He-scaled
convolutions and random normalisations carry the signal through every stage, so that an error in any of them shows.
"""

from collections.abc import Mapping

import numpy as np

from shufflenet_zoo.arch import Plan, V2Unit
from shufflenet_zoo.errors import CheckpointError

# A stage whose features vary less, relative to their mean size, would hide errors.
LEAST_FEATURE_STD = 0.02
# What residual units add, relative to what they keep: with more, rounding noise grows unit by unit.
_RESIDUAL_SCALE = 0.3


def signal_weights(plan: Plan, shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Draw weights: He-scaled convolutions, random scales, shifts and statistics of the normalisations.

    Args:
        plan: The network.
        shapes: Shapes of its tensors by PyTorch's names.
        seed: Seed of the draw.

    Returns:
        float32 arrays by name; counters of batches are int64 zeros.
    """
    randoms = np.random.default_rng(seed)
    tensors = {name: _draw(name, shape, randoms) for name, shape in shapes.items()}
    for i, stage in enumerate(plan.stages):
        for j, unit in enumerate(stage):
            if isinstance(unit, V2Unit) and unit.adds_residual:
                for name in (f'layers.{i}.{j}.branch2.2.bn.{part}' for part in ('weight', 'bias')):
                    tensors[name] *= np.float32(_RESIDUAL_SCALE)
    return tensors


def _draw(name: str, shape: tuple[int, ...], randoms: np.random.Generator) -> np.ndarray:
    if name.endswith('num_batches_tracked'):
        return np.zeros(shape, np.int64)
    if len(shape) > 1:
        values = randoms.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith('running_var'):
        # Half as large again as what arrives, so that features stay within float16 to the last stage.
        values = randoms.uniform(0.75, 2.25, shape)
    elif name.endswith('weight'):
        values = randoms.uniform(0.5, 1.5, shape)
    else:
        values = randoms.uniform(-0.5, 0.5, shape)
    return values.astype(np.float32)


def draw_images(shape: tuple[int, int, int, int], seed: int = 0) -> np.ndarray:
    """Draw images of normally distributed pixels, float32 of shape (N, C, H, W)."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check_signal(network: str, features: Mapping[str, np.ndarray]) -> None:
    """Check that features vary, so that a comparison of them means something.

    Raises:
        CheckpointError: if those of a stage are nearly constant.
    """
    for stage, feature in features.items():
        size = float(np.abs(feature).mean())
        deviation = float(feature.std())
        if not deviation > LEAST_FEATURE_STD * size:
            raise CheckpointError(
                f'{network}: the weights carry no signal: the features of {stage} have standard '
                f'deviation {deviation:.1e} and mean size {size:.1e}; a comparison would hide errors'
            )
