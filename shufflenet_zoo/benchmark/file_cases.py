"""Exported files and what is measured of them, each in its own runtime. Without a framework."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shufflenet_zoo.benchmark.cases import IMAGE_SIZE
from shufflenet_zoo.errors import DependencyError
from shufflenet_zoo.export.engine_environments import engine_python


@dataclass(frozen=True)
class Engine:
    """A runtime of exported files.

    Attributes:
        format: Their format, a key of export.contract.FORMATS.
        packages: What writes and runs them, by the names of their modules.
        environment: The environment of its own that is needed besides, by its name. Default: None.
        batches: Whether a file can hold a batch. Default: False.
        int8: Whether files can be quantized. Default: False.
        precision_hint: The precision that the file asks for. Default: None, none, which is float32 here.
        cpu_flag: What a line of /proc/cpuinfo must hold. Default: '', nothing.
    """

    format: str
    packages: tuple[str, ...]
    environment: str | None = None
    batches: bool = False
    int8: bool = False
    precision_hint: str | None = None
    cpu_flag: str = ''


ENGINES = {
    'onnxruntime': Engine('onnx', ('onnx', 'onnxruntime'), batches=True, int8=True),
    'openvino': Engine('openvino', ('openvino', 'nncf'), batches=True, int8=True),
    'openvino-bf16': Engine('openvino', ('openvino',), batches=True, precision_hint='bf16', cpu_flag='bf16'),
    'ncnn': Engine('ncnn', ('ncnn', 'pnnx')),
    'mnn': Engine('mnn', ('MNN', 'onnx'), batches=True),
    'litert': Engine('litert', ('ai_edge_litert',), environment='litert', int8=True),
    'executorch': Engine('executorch', (), environment='executorch', int8=True),
}
# The class of our backbones, by the network.
CLASSES = {'ours/v1': 'ShuffleNetV1', 'ours/v2': 'ShuffleNetV2'}
# Packages of networks, by what stands before the slash in their names.
_NETWORK_PACKAGES = {'timm': 'timm'}


@dataclass(frozen=True, order=True)
class FileCase:
    """One network's file in its runtime.

    Attributes:
        network: A key of ``networks.TORCH``.
        engine: One of ENGINES.
        form: 'plain', or of ours 'deploy', or 'int8', the form that is written for the engine, quantized.
        batch: Images at once.
        threads: Threads of the runtime.
        size: Height and width of the images.
        dynamic: Whether the file takes any batch and size, rather than this one.
    """

    network: str
    engine: str
    form: str = 'plain'
    batch: int = 1
    threads: int = 1
    size: int = IMAGE_SIZE
    dynamic: bool = False

    @property
    def title(self) -> str:
        """The network and its form."""
        return self.network + ('' if self.form == 'plain' else f' ({self.form})')

    @property
    def file(self) -> 'FileCase':
        """The case whose file it is: all that differ in threads, or in what a file leaves open, share one."""
        return replace(self, threads=1, **({'batch': 1, 'size': IMAGE_SIZE} if self.dynamic else {}))

    @property
    def name(self) -> str:
        """Return a name for files."""
        shape = 'any' if self.dynamic else f'{self.batch}x{self.size}'
        return f'{self.network.replace("/", "-")}-{self.form}-{self.engine}-{shape}'

    def __str__(self) -> str:
        return f'{self.title}, {self.engine}, batch {self.batch}, {self.size}x{self.size}, threads {self.threads}'

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes."""
        return asdict(self)


# Ours with the network that it is compared with, converted in the same way, and what a user might take instead.
NETWORKS = (
    ('ours/v1', 'deploy'),
    ('ours/v1', 'plain'),
    ('mmpretrain/v1', 'plain'),
    ('ours/v2', 'deploy'),
    ('ours/v2', 'plain'),
    ('ours/v2', 'int8'),
    ('torchvision/v2', 'plain'),
    ('torchvision/mobilenet_v2', 'plain'),
    ('torchvision/mobilenet_v3_small', 'plain'),
    ('timm/tf_efficientnet_lite0', 'plain'),
    ('timm/mobilenetv4_conv_small', 'plain'),
)
BATCHES, THREADS = (1, 8), (1, 2)
# Engines whose files take any batch and size, and what their time is drawn over.
GROWTH_ENGINES = ('onnxruntime', 'openvino', 'mnn')
GROWTH_NETWORKS = (
    ('ours/v1', 'deploy'),
    ('ours/v2', 'deploy'),
    ('torchvision/v2', 'plain'),
    ('torchvision/mobilenet_v2', 'plain'),
)
GROWTH_SIZES, GROWTH_BATCHES = (96, 128, 160, 224, 320, 448), (1, 2, 4, 8, 16, 32)


def missing(engine: str) -> str | None:
    """Return what an engine lacks here, None where it can be measured."""
    found = ENGINES[engine]
    packages = [package for package in found.packages if find_spec(package) is None]
    if packages:
        return f'the package {packages[0]!r} is not installed'
    if found.environment:
        try:
            engine_python(found.environment)
        except DependencyError:
            return f'make {found.environment}-env builds what it needs'
    cpuinfo = Path('/proc/cpuinfo')
    if found.cpu_flag and not (cpuinfo.is_file() and found.cpu_flag in cpuinfo.read_text()):
        return f'this CPU has no {found.cpu_flag}'
    return None


def is_installed(network: str) -> bool:
    """Whether the package of a network is there, where that is none of the project's requirements."""
    package = _NETWORK_PACKAGES.get(network.partition('/')[0])
    return package is None or find_spec(package) is not None


def file_cases(engines: Collection[str]) -> list[FileCase]:
    """Return the cases of the table of engines, as far as networks are installed and files hold batches."""
    return [
        FileCase(network, engine, form, batch, threads)
        for engine in engines
        for network, form in NETWORKS
        for batch in BATCHES
        for threads in THREADS
        if is_installed(network)
        and (batch == 1 or ENGINES[engine].batches)
        # Calibrated image by image.
        and (form != 'int8' or (ENGINES[engine].int8 and batch == 1))
    ]


def growth_cases(engines: Collection[str], threads: int) -> list[FileCase]:
    """Return the cases of the plots over pixels, at one image, and over the batch."""
    shapes = {(1, size) for size in GROWTH_SIZES} | {(batch, IMAGE_SIZE) for batch in GROWTH_BATCHES}
    return [
        FileCase(network, engine, form, batch, threads, size, dynamic=True)
        for engine in engines
        if engine in GROWTH_ENGINES
        for network, form in GROWTH_NETWORKS
        for batch, size in sorted(shapes)
    ]


def left_out(engines: Sequence[str]) -> list[str]:
    """Return what a table of these engines says about what is not in it."""
    said = [f'{network}: not installed' for network, _ in NETWORKS if not is_installed(network)]
    single = [engine for engine in engines if not ENGINES[engine].batches]
    return said + ([f'batches: a file for {", ".join(single)} takes one image'] if single else [])
