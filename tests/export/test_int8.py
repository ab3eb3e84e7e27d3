"""What a detector in int8 must have left of its mAP; where that is measured on real files, it depends on the CPU."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from shufflenet_zoo.errors import ExportError
from shufflenet_zoo.export import exporter

NAN = float('nan')


def write(monkeypatch, before: float, after: float) -> tuple[exporter.Exported, list[Path]]:
    """Write a detector whose files have these mAPs; return what is told of it, and the files that were quantized."""
    quantized = []
    target = SimpleNamespace(suffix='.xml', quantize=lambda whole, path, batches, float_ends: quantized.append(path))
    found = {'fp32.xml': before, 'any.xml': after}
    options = exporter.ExportOptions('openvino', precision='int8', calibration=4)
    monkeypatch.setattr(exporter, '_write', lambda *arguments: None)
    exported = exporter._write_int8_detector(
        None, None, target, Path('any.xml'), [], options, lambda path: found[path.name]
    )
    return exported, quantized


@pytest.mark.parametrize(('before', 'after'), [(0.5, 0.46), (0.5, 0.6), (0.021, 0.02)])
def test_a_detector_that_keeps_its_map(monkeypatch, before, after):
    exported, quantized = write(monkeypatch, before, after)
    assert exported.precisions == (before, after) and quantized == [Path('any.xml')]


@pytest.mark.parametrize(
    ('before', 'after', 'words'),
    [
        (0.5, 0.44, 'any.xml has mAP 0.4400 on the test data, 0.5000 in fp32; at least 90% .* --calibration'),
        (0.5, NAN, 'any.xml has mAP nan'),
        # As of random weights, whose mAP is the chance of the CPU's rounding.
        (0.002, 0.002, 'cannot be checked in int8: the detector has mAP 0.0020 .* at least 0.02 is required'),
        # As COCO's evaluation answers where nothing is annotated.
        (-1.0, -1.0, 'has mAP -1.0000'),
        (NAN, 0.5, 'has mAP nan'),
    ],
)
def test_a_detector_that_loses_it_or_had_none(monkeypatch, before, after, words):
    with pytest.raises(ExportError, match=words):
        write(monkeypatch, before, after)
