"""What is measured, and which ratios are reported. Without a framework."""

from dataclasses import asdict, dataclass
from typing import Any

from shufflenet_zoo.benchmark.guidelines import BASELINES, NETWORKS

IMAGE_SIZE = 224
NUM_CLASSES = 1000
# Side of the images that detectors get.
DETECTION_SIZE = 320
# Engines by the process that measures them: engines that share one are measured in turns.
PROCESSES = {
    'torch': ('eager', 'traced'),
    'compiled': ('compiled',),
    'onnxruntime': ('onnxruntime', 'onnxruntime-int8'),
    'openvino': ('openvino', 'openvino-int8'),
    'training': ('training', 'training-compiled', 'training-bfloat16'),
    'guidelines': ('guidelines-eager', 'guidelines-openvino'),
    'mindspore': ('mindspore', 'mindspore-training'),
    'mindspore-as-installed': ('mindspore-as-installed',),
    'detection': ('detector-features', 'detector-training'),
}
# What the environment of a process says besides: oneDNN as it is for those who have not set it.
ENVIRONMENTS = {'mindspore-as-installed': {'ONEDNN_MAX_CPU_ISA': 'DEFAULT'}}


@dataclass(frozen=True, order=True)
class Case:
    """One network in one engine.

    Attributes:
        network: A key of ``networks.TORCH`` or ``networks.MINDSPORE``, such as 'ours/v2', or of the detectors.
        engine: One of the engines in PROCESSES.
        batch: Images at once.
        form: 'plain', 'deploy' (ours only) or 'checkpointed' (ours, training only).
    """

    network: str
    engine: str
    batch: int
    form: str = 'plain'

    @property
    def process(self) -> str:
        """The process that measures it."""
        return next(name for name, engines in PROCESSES.items() if self.engine in engines)

    def __str__(self) -> str:
        form = '' if self.form == 'plain' else f' {self.form}'
        return f'{self.network}{form}, {self.engine}, batch {self.batch}'

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as its peer a subject is.

    Attributes:
        title: What the row of the table says.
        subject: What is compared.
        peers: The peers, of which the fastest counts.
    """

    title: str
    subject: Case
    peers: tuple[Case, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases that must be measured for it."""
        return self.subject, *self.peers


# Titles, batch sizes, the subject and its peers, each as its network, engine and, where it is not plain, form.
_TABLE = (
    (
        "V2 1.0x, openvino: our export / torchvision's export",
        (1, 8),
        'ours/v2 openvino deploy',
        'torchvision/v2 openvino',
    ),
    (
        "V1 1.0x g3, openvino: our export / mmpretrain's export",
        (1, 8),
        'ours/v1 openvino deploy',
        'mmpretrain/v1 openvino',
    ),
    (
        "V2 1.0x, onnxruntime: our export / torchvision's export",
        (1, 8),
        'ours/v2 onnxruntime deploy',
        'torchvision/v2 onnxruntime',
    ),
    (
        "V1 1.0x g3, onnxruntime: our export / mmpretrain's export",
        (1, 8),
        'ours/v1 onnxruntime deploy',
        'mmpretrain/v1 onnxruntime',
    ),
    (
        'V2 1.0x, PyTorch: deploy form traced / torchvision eager',
        (1, 8),
        'ours/v2 traced deploy',
        'torchvision/v2 eager',
    ),
    (
        'V1 1.0x g3, PyTorch: deploy form traced / mmpretrain eager',
        (1, 8),
        'ours/v1 traced deploy',
        'mmpretrain/v1 eager',
    ),
    (
        'V2 1.0x, PyTorch compiled: deploy form / torchvision compiled',
        (1, 8),
        'ours/v2 compiled deploy',
        'torchvision/v2 compiled',
    ),
    ('V1 1.0x g3, MindSpore: deploy form / training form', (1, 8), 'ours/v1 mindspore deploy', 'ours/v1 mindspore'),
    ('V2 1.0x, MindSpore: deploy form / training form', (1, 8), 'ours/v2 mindspore deploy', 'ours/v2 mindspore'),
    ('V1 1.0x g3, training step: ours / mmpretrain', (32,), 'ours/v1 training', 'mmpretrain/v1 training'),
    (
        'V2 1.0x, training step: ours / the faster of mmpretrain and torchvision',
        (32,),
        'ours/v2 training',
        'mmpretrain/v2 training',
        'torchvision/v2 training',
    ),
    *(
        (f'{title}, {mode}', (32,), *(f'{network} training-{mode}' for network in networks))
        for title, *networks in (
            ('V1 1.0x g3, training step: ours / mmpretrain', 'ours/v1', 'mmpretrain/v1'),
            (
                'V2 1.0x, training step: ours / the faster of mmpretrain and torchvision',
                'ours/v2',
                'mmpretrain/v2',
                'torchvision/v2',
            ),
        )
        for mode in ('compiled', 'bfloat16')
    ),
    ('V1 1.0x g3, training step: checkpointed / not', (32,), 'ours/v1 training checkpointed', 'ours/v1 training'),
    ('V2 1.0x, training step: checkpointed / not', (32,), 'ours/v2 training checkpointed', 'ours/v2 training'),
    ('V2 1.0x, OpenVINO: our int8 / our fp32', (1,), 'ours/v2 openvino-int8 deploy', 'ours/v2 openvino deploy'),
    (
        'V2 1.0x, ONNX Runtime: our int8 / our fp32',
        (1,),
        'ours/v2 onnxruntime-int8 deploy',
        'ours/v2 onnxruntime deploy',
    ),
    (
        'V1 1.0x g3, MindSpore: our training form / MindCV with our oneDNN setting',
        (8,),
        'ours/v1 mindspore',
        'mindcv/v1 mindspore',
    ),
    ('V1 1.0x g3: ours in MindSpore / ours in eager PyTorch', (8,), 'ours/v1 mindspore', 'ours/v1 eager'),
    (
        'V1 1.0x g3, training step: ours in MindSpore / ours in PyTorch',
        (8,),
        'ours/v1 mindspore-training',
        'ours/v1 training',
    ),
    (
        'V2 1.0x, MindSpore: our training form / MindCV with our oneDNN setting',
        (8,),
        'ours/v2 mindspore',
        'mindcv/v2 mindspore',
    ),
    ('V2 1.0x: ours in MindSpore / ours in eager PyTorch', (8,), 'ours/v2 mindspore', 'ours/v2 eager'),
    (
        'V2 1.0x, training step: ours in MindSpore / ours in PyTorch',
        (8,),
        'ours/v2 mindspore-training',
        'ours/v2 training',
    ),
    (
        'V1 1.0x g3, MindSpore: our training form / MindCV as installed',
        (8,),
        'ours/v1 mindspore',
        'mindcv/v1 mindspore-as-installed',
    ),
    (
        f'RetinaNet at {DETECTION_SIZE}x{DETECTION_SIZE}, backbone and neck: V2 1.0x / mobilenet_v2',
        (1,),
        'retinanet/shufflenet_v2 detector-features',
        'retinanet/mobilenet_v2 detector-features',
    ),
    (
        f'RetinaNet at {DETECTION_SIZE}x{DETECTION_SIZE}, training step: V2 1.0x / mobilenet_v2',
        (4,),
        'retinanet/shufflenet_v2 detector-training',
        'retinanet/mobilenet_v2 detector-training',
    ),
    (
        f'RetinaNet at {DETECTION_SIZE}x{DETECTION_SIZE}, backbone and neck: V2 1.0x / resnet50',
        (1,),
        'retinanet/shufflenet_v2 detector-features',
        'retinanet/resnet50 detector-features',
    ),
    (
        f'RetinaNet at {DETECTION_SIZE}x{DETECTION_SIZE}, training step: V2 1.0x / resnet50',
        (4,),
        'retinanet/shufflenet_v2 detector-training',
        'retinanet/resnet50 detector-training',
    ),
    *(
        (f'{network} / {baseline}, {engine}', (1,), f'{network} guidelines-{engine}', f'{baseline} guidelines-{engine}')
        for engine in ('eager', 'openvino')
        for baseline in BASELINES
        for network in NETWORKS
        if network[:2] == baseline[:2] and network != baseline
    ),
)


def _case(text: str, batch: int) -> Case:
    network, engine, *form = text.split()
    return Case(network, engine, batch, *form)


STANDARD_RATIOS = tuple(
    Ratio(title, _case(subject, batch), tuple(_case(peer, batch) for peer in peers))
    for title, batches, subject, *peers in _TABLE
    for batch in batches
)
# Networks that are measured beside the ratios: what a user might take instead, and batch 32.
_MOBILENETS = ('torchvision/mobilenet_v2', 'torchvision/mobilenet_v3_small')
_PYTORCHCV = ('pytorchcv/v1', 'pytorchcv/v2')
STANDARD_CASES = tuple(
    sorted(
        {
            *(case for ratio in STANDARD_RATIOS for case in ratio.cases),
            *(
                Case(network, engine, batch)
                for network in _MOBILENETS
                for engine in ('eager', 'openvino', 'onnxruntime')
                for batch in (1, 8)
            ),
            *(Case(network, 'eager', batch) for network in _PYTORCHCV for batch in (1, 8)),
            *(
                Case(network, engine, batch)
                for network in ('ours/v1', 'ours/v2')
                for engine in ('eager', 'openvino')
                for batch in (1, 8)
            ),
            *(
                Case(network, engine, 32, form)
                for network, form in (
                    ('ours/v1', 'deploy'),
                    ('ours/v2', 'deploy'),
                    ('mmpretrain/v1', 'plain'),
                    ('torchvision/v2', 'plain'),
                )
                for engine in ('traced' if form == 'deploy' else 'eager', 'openvino', 'onnxruntime')
            ),
        }
    )
)
# Cases whose start-up and peak memory are measured, each in a process of its own.
STANDARD_STARTS = (
    Case('ours/v2', 'eager', 8),
    Case('ours/v2', 'traced', 8, 'deploy'),
    Case('ours/v2', 'onnxruntime', 8, 'deploy'),
    Case('ours/v2', 'openvino', 8, 'deploy'),
    Case('ours/v2', 'mindspore', 8),
    Case('ours/v1', 'training', 32),
    Case('ours/v1', 'training', 32, 'checkpointed'),
    Case('ours/v2', 'training', 32),
    Case('ours/v2', 'training', 32, 'checkpointed'),
)
