"""Writing a trained classifier or detector into a file, and not leaving a file that computes something else."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from shufflenet_zoo.atomic import draft_folder
from shufflenet_zoo.deployed.detector import Detector
from shufflenet_zoo.deployed.loading import load_described
from shufflenet_zoo.deployed.metadata import Loaded, Metadata, read_metadata
from shufflenet_zoo.deployed.quiet import quiet
from shufflenet_zoo.deployed.seals import parts_of, seal
from shufflenet_zoo.errors import ConfigError, DependencyError, ExportError, ShuffleNetZooError
from shufflenet_zoo.export.comparison import Differences, Found, compare_boxes, count_found_again
from shufflenet_zoo.export.contract import EXTRAS, FORMATS, DetectorSource, Format, Shape, Source
from shufflenet_zoo.export.forms import is_deploy_fastest
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.weights.zoo import is_address

SOURCES = {'torch': 'shufflenet_zoo.export.torch_source', 'mindspore': 'shufflenet_zoo.export.mindspore_source'}
_DETECTORS = 'shufflenet_zoo.export.detector_source'
_BACKEND_EXTRAS = {'torch': 'openmmlab', 'mindspore': 'mindspore'}
# Largest difference of a logit from the live model's, relative to the largest logit.
TOLERANCES = {'fp32': 1e-4, 'fp16': 2e-2, 'bf16': 5e-2}
# An int8 file must decide like the live model on this share of the test images.
MIN_AGREEMENT = 0.9
# A detector must keep this share of its mAP. Of an mAP below this, the CPU's rounding alone may take the rest.
MIN_MAP = 0.02
# What quantizes, beside what a format needs anyway.
_QUANTIZERS = {'onnx': 'onnxruntime.quantization', 'openvino': 'nncf'}
# How many calibration images it is run on under each instruction set.
_IMAGES_OF_INSTRUCTION_SETS = 64


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        format: One of FORMATS.
        deploy: Whether to write the form that is fastest in the format rather than the trained network as it is.
        precision: 'fp32', 'fp16' or 'int8'.
        calibration: Training images for int8; None where the precision is another.
        dynamic: Whether the file takes any batch and image size, rather than one image of the config's size.
        input_size: Height and width of the images. Default: None, what the config's test pipeline gives.
        out: The file. Default: None, beside the checkpoint, named after the config.
        backend: The framework that trained the checkpoint, 'torch' or 'mindspore'.
        precision_hint: What the file asks its runtime to compute in, of PRECISION_HINTS. Default: None, nothing.
        float_ends: Whether the first and the last convolutions of an int8 detector stay in float. Default: False.
    """

    format: str
    deploy: bool = True
    precision: str = 'fp32'
    calibration: int | None = None
    dynamic: bool = False
    input_size: tuple[int, int] | None = None
    out: str | None = None
    backend: str = 'torch'
    precision_hint: str | None = None
    float_ends: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        difference: Largest difference of a logit relative to the largest logit; for int8, the share of test images
            that are decided otherwise than by the live model; for a detector, of a side of a box in pixels. None where
            the file cannot be run here, and for a detector in int8.
        deployed: Whether it holds the deploy form rather than the trained network as it is.
        accuracies: For int8, the top-1 accuracies in percent on the test data before and after.
        instruction_sets: For int8, those of this CPU's that the file was run in besides the one that is chosen.
        default: The precision that the runtime computes in by itself on this CPU, where that is another, and the
            difference in it; for a detector, the share of the boxes that are not found in it.
        boxes: For a detector, how the boxes differ.
        precisions: For a detector in int8, the mAP on the test data before and after.
    """

    path: Path
    difference: float | None
    deployed: bool
    accuracies: tuple[float, float] | None = None
    instruction_sets: tuple[str, ...] = ()
    default: tuple[str, float] | None = None
    boxes: Differences | None = None
    precisions: tuple[float, float] | None = None


def export(config: Config, checkpoint: str, options: ExportOptions) -> Exported:
    """Write a trained classifier or detector into a file, and compare it in its own runtime with the live model.

    Args:
        config: What load_config returned.
        checkpoint: The checkpoint.
        options: What to write.

    Returns:
        The file and what the comparison found; no file is left where it fails.

    Raises:
        ShuffleNetZooError: if an option, the checkpoint or the data does not fit, or a package is missing.
        ExportError: if the written file computes something else than the live model.
    """
    target = load_format(options.format)
    _check_options(options, target)
    is_detector = _is_detector(config)
    if is_detector:
        _check_detector(config, options, target)
    if options.float_ends and not (is_detector and options.precision == 'int8'):
        raise ConfigError('--float-ends is for detectors in int8')
    path = _destination(config, checkpoint, options.out, target.suffix)
    if is_detector:
        origin = _import(_DETECTORS, config.filename, 'openmmlab')
        open_source = partial(origin.open_source, decode=target.detectors == 'boxes')
    else:
        origin = _import(SOURCES[options.backend], f'--backend {options.backend}', _BACKEND_EXTRAS[options.backend])
        open_source = partial(origin.open_source, dynamic=options.dynamic)
    deployed = options.deploy and is_deploy_fastest(options.format, _backbone_type(config), is_detector)
    source = open_source(config, checkpoint, deployed, options.input_size)
    metadata = replace(source.metadata, dynamic=options.dynamic, precision_hint=options.precision_hint)
    source = replace(source, metadata=metadata)
    batches = []
    if options.precision == 'int8':
        prepared = (metadata,) if is_detector else ()
        batches = origin.calibration_batches(config, options.calibration, *prepared)
    shape = Shape(source.in_channels, source.metadata.input_size, options.dynamic, source.min_size)
    try:
        with draft_folder(path) as folder:
            written = folder / path.name
            if options.precision == 'int8' and is_detector:
                measure = partial(origin.measure, config)
                exported = _write_int8_detector(source, shape, target, written, batches, options, measure)
            elif options.precision == 'int8':
                exported = _write_int8(source, shape, target, written, batches, origin.labelled_images(config))
            else:
                exported = _write(source, shape, target, written, options.precision)
            if not target.runs_code and written.is_file():  # not an archive with checksums, nor Core ML's folder
                seal(written)
            for part, final in zip(parts_of(written), parts_of(path), strict=True):
                if final.is_dir():  # which nothing replaces
                    shutil.rmtree(final)
                os.replace(part, final)
        return replace(exported, path=path, deployed=deployed)
    except OSError as error:
        raise ExportError(f'{path} cannot be written: {one_line(error)}') from error
    except ShuffleNetZooError:
        raise
    except Exception as error:  # the runtimes raise what they like
        raise ExportError(
            f'{config.filename} cannot be exported as {options.format}: {type(error).__name__}: {one_line(error)[:300]}'
        ) from error


def _destination(config: Config, checkpoint: str, out: str | None, suffix: str) -> Path:
    """Return the file to write: beside the checkpoint, in the current folder where that is no file."""
    if out is None:
        folder = Path() if is_address(checkpoint) else Path(checkpoint).parent
        return folder / f'{Path(config.filename).stem}{suffix}'
    if not out.endswith(suffix):
        raise ConfigError(f'--out {out}: a file of this format is called *{suffix}')
    return Path(out)


def _is_detector(config: Config) -> bool:
    """Whether the config's model has a head of mmdet's."""
    return bool({'bbox_head', 'rpn_head', 'roi_head'} & set(config.get('model') or {}))


def _check_detector(config: Config, options: ExportOptions, target: Format) -> None:
    """Check what only classifiers can have."""
    if not target.detectors:
        raise ConfigError(f'--format {options.format} cannot hold a detector; take --format onnx or --format openvino')
    if options.backend != 'torch':
        raise ConfigError(f'{config.filename} has a detector, which needs --backend torch')
    if {'rpn_head', 'roi_head'} & set(config.model) and target.detectors != 'boxes':
        raise ConfigError(
            f'--format {options.format} cannot hold a detector of two stages ({config.model.get("type")}); '
            f'take --format onnx or --format openvino'
        )
    if options.dynamic:
        raise ConfigError('--dynamic: a detector takes one image of one size, which --input-size gives')
    if options.precision_hint == 'bf16':
        raise ConfigError('--precision-hint bf16: the boxes of a detector are checked in float32')
    if options.precision == 'fp16' or (options.precision == 'int8' and not target.int8_detectors):
        raise ConfigError(
            f'--{options.precision}: --format {options.format} holds detectors in fp32 only; '
            f'--format openvino holds them in int8 too'
        )


def _backbone_type(config: Config) -> str:
    """Return the class of the config's backbone, without its scope."""
    backbone = (config.get('model') or {}).get('backbone') or {}
    return str(backbone.get('type')).rpartition('.')[2]


def load_format(name: str) -> Format:
    """Import what writes and runs a format.

    Raises:
        DependencyError: if a package that it needs is not installed.
    """
    return _import(FORMATS[name], f'--format {name}', EXTRAS.get(name, 'export')).FORMAT


def load_file(name: str, path: str | Path, trust: bool = False) -> tuple[Loaded, Metadata]:
    """Load an exported file into its own runtime.

    Args:
        name: Its format, one of FORMATS.
        path: The file.
        trust: Whether the file may run code, as those of torch.export and TorchScript do. Default: False.

    Returns:
        The model, and how to prepare its images.

    Raises:
        ExportError: if the file is a program and not trusted.
        DataError: if it is damaged, or holds no metadata or a value that is none of its kind.
        DependencyError: if a package that loads it is not installed.
    """
    path, target = Path(path), load_format(name)
    if target.runs_code and not trust:
        raise ExportError(
            f'{path}: a file of format {name} is a program, which can do whatever you can; if it is your own, load it '
            f'with trust=True'
        )
    return load_described(lambda: target.load(path), path, _how_to_install(EXTRAS.get(name, 'export')))


def _how_to_install(extra: str) -> str:
    return f"pip install 'shufflenet-zoo[{extra}]'"


def _import(module: str, what: str, extra: str):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f'{what} needs the package {error.name!r}, which is not installed; install it with {_how_to_install(extra)}'
        ) from error


def _check_options(options: ExportOptions, target: Format) -> None:
    if options.backend not in target.frameworks:
        raise ConfigError(
            f'--format {options.format} needs --backend {target.frameworks[0]} and its checkpoint; '
            f'tools/convert_weights.py makes one of the checkpoint of the other framework'
        )
    if options.precision not in target.precisions:
        raise ConfigError(
            f'--{options.precision}: format {options.format} holds {", ".join(target.precisions)}; '
            f'for {options.precision} take --format onnx or --format openvino'
        )
    if options.dynamic and not target.dynamic:
        raise ConfigError(
            f'--dynamic: format {options.format} takes one image of one size, which --input-size gives; '
            f'for any batch and size take --format onnx or --format openvino'
        )
    if options.precision_hint and not target.check_hint:
        raise ConfigError(
            f'--precision-hint: a file of format {options.format} cannot ask for a precision; --format openvino can'
        )
    if options.precision_hint:
        target.check_hint(options.precision_hint)
    if options.precision == 'int8' and not options.calibration:
        raise ConfigError('--int8 needs calibration data: give the number of training images with --calibration N')
    if options.precision != 'int8' and options.calibration is not None:
        raise ConfigError('--calibration is for --int8 only')
    if options.precision == 'int8' and options.format in _QUANTIZERS:
        with quiet():  # importing nncf tells whether there is a GPU
            _import(_QUANTIZERS[options.format], '--int8', 'export')


def _write(source: Source, shape: Shape, target: Format, path: Path, precision: str) -> Exported:
    target.write(source, shape, precision, path)
    loaded = target.load(path)
    if read_metadata(loaded.texts) != source.metadata:
        raise ExportError(f'{path.name} does not hold the metadata that was written into it')
    if loaded.run is None:
        return Exported(path, None, False)
    if isinstance(source, DetectorSource):
        return _compare_detections(source, loaded, path)
    computed_in = 'bf16' if source.metadata.precision_hint == 'bf16' else precision
    difference = _compare(source, shape, loaded.run, path, computed_in)
    default = None
    if loaded.default:
        name, run = loaded.default
        default = name, _compare(source, shape, run, path, name)
    return Exported(path, difference, False, default=default)


def _compare(
    source: Source, shape: Shape, run: Callable[[np.ndarray], np.ndarray], path: Path, precision: str
) -> float:
    """Return the largest difference of a logit relative to the largest logit, of noise as images."""
    generator = np.random.default_rng(0)
    differences = []
    for size in shape.to_check():
        images = generator.standard_normal(size, dtype=np.float32)
        expected, found = source.run(images), run(images)
        differences.append(np.abs(found - expected).max() / np.abs(expected).max())
    # Written so that a difference that is no number fails too; max() of Python would drop it.
    difference = float(np.max(differences))
    if not difference <= TOLERANCES[precision]:
        raise ExportError(
            f'{path.name} computes something else than the live model in {precision}: the logits differ by '
            f'{difference:.1e} of the largest one, allowed are {TOLERANCES[precision]:.0e}'
        )
    return difference


def _compare_detections(source: DetectorSource, loaded: Loaded, path: Path) -> Exported:
    """Compare the boxes of the source's images."""
    live = [source.run(image) for image in source.images]

    def found(run: Callable[[np.ndarray], Any]) -> list[Found]:
        return [Detector(replace(loaded, run=run), source.metadata).run(image) for image in source.images]

    try:
        each = [
            compare_boxes(expected, boxes, source.candidates(image), source.limits)
            for expected, boxes, image in zip(live, found(loaded.run), source.images, strict=True)
        ]
    except ExportError as error:
        raise ExportError(f'{path.name} computes something else than the live model: {error}') from error
    count = sum(found.boxes for found in each)
    if not count:
        raise ExportError(
            f'{path.name} cannot be checked: in {len(each)} images the live model finds no box that is more certain '
            f'than where its results end; put the test data there, or change model.test_cfg.score_thr or .max_per_img'
        )
    differences = Differences(
        count,
        max(found.pixels for found in each),
        max(found.score for found in each),
        sum(found.undecided for found in each),
    )
    default = None
    if loaded.default:
        name, run = loaded.default
        threshold = source.limits.score_threshold
        counts = [count_found_again(*pair, threshold) for pair in zip(live, found(run), strict=True)]
        again, certain = np.sum(counts, 0)
        default = name, float(1 - again / max(certain, 1))
    return Exported(path, differences.pixels, False, default=default, boxes=differences)


def _write_int8(
    source: Source,
    shape: Shape,
    target: Format,
    path: Path,
    batches: list[np.ndarray],
    images: Iterable[tuple[np.ndarray, int]],
) -> Exported:
    """Write and compare the fp32 file, quantize it, and compare the decisions of both."""
    whole = path.with_name('fp32' + target.suffix)
    _write(source, shape, target, whole, 'fp32')
    with quiet():
        target.quantize(whole, path, batches)
    before, after = target.load(whole), target.load(path)
    decisions = np.array([(label, before.run(image).argmax(), after.run(image).argmax()) for image, label in images])
    labels, exact, quantized = decisions.T
    _check_decisions(exact, quantized, path, 'in this engine on this CPU')
    agreement = float((exact == quantized).mean())
    accuracies = (100 * float((exact == labels).mean()), 100 * float((quantized == labels).mean()))
    names = _check_instruction_sets(before, target, path, batches[:_IMAGES_OF_INSTRUCTION_SETS])
    return Exported(path, 1 - agreement, False, accuracies, names)


def _write_int8_detector(
    source: DetectorSource,
    shape: Shape,
    target: Format,
    path: Path,
    batches: list[np.ndarray],
    options: ExportOptions,
    measure: Callable[[Path], float],
) -> Exported:
    """Write and compare the fp32 file, quantize it, and compare the mAP of both."""
    whole = path.with_name('fp32' + target.suffix)
    _write(source, shape, target, whole, 'fp32')
    before = measure(whole)
    # Written so that an mAP that is no number fails, here and below.
    if not before >= MIN_MAP:
        raise ExportError(
            f'{path.name} cannot be checked in int8: the detector has mAP {before:.4f} on the test data in fp32; at '
            f'least {MIN_MAP} is required to see what int8 loses; train it longer, or put there what it was trained for'
        )
    with quiet():
        target.quantize(whole, path, batches, options.float_ends)
    after = measure(path)
    if not after >= MIN_AGREEMENT * before:
        raise ExportError(
            f'{path.name} has mAP {after:.4f} on the test data, {before:.4f} in fp32; at least {MIN_AGREEMENT:.0%} of '
            f'that are required; give more images with --calibration, or --float-ends'
        )
    return Exported(path, None, False, precisions=(before, after))


def _check_instruction_sets(before: Loaded, target: Format, path: Path, images: list[np.ndarray]) -> tuple[str, ...]:
    """Compare the decisions of the fp32 file with those of an int8 one, held at every instruction set in turn."""
    if target.run_in_instruction_sets is None:
        return ()
    exact = np.array([before.run(image).argmax() for image in images])
    found = target.run_in_instruction_sets(path, images)
    for name, logits in found.items():
        _check_decisions(exact, logits.argmax(1), path, f'in this engine under {name}')
    return tuple(found)


def _check_decisions(exact: np.ndarray, quantized: np.ndarray, path: Path, where: str) -> None:
    if len(set(quantized)) == 1 < len(set(exact)):
        raise ExportError(
            f'{path.name} decides for class {quantized[0]} on every image, the live model for {len(set(exact))} '
            f'classes: the int8 network is broken, {where}'
        )
    agreement = float((exact == quantized).mean())
    if agreement < MIN_AGREEMENT:
        raise ExportError(
            f'{path.name} decides like the live model on {agreement:.1%} of the images only, {where}; '
            f'at least {MIN_AGREEMENT:.0%} are required; give more images with --calibration'
        )
