"""What is measured, and which ratios are reported. Without a framework."""

from dataclasses import asdict, dataclass
from typing import Any

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
    'training': ('training',),
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
    """How many times as fast as its peer a subject is to be.

    Attributes:
        title: What the row of the table says.
        subjects: The forms of the subject, of which the fastest counts.
        peers: The peers, of which the fastest counts.
        goal: The ratio to reach.
    """

    title: str
    subjects: tuple[Case, ...]
    peers: tuple[Case, ...]
    goal: float

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases that must be measured for it."""
        return self.subjects + self.peers


def _standard_ratios() -> list[Ratio]:
    def pair(goals: tuple[float, float], title: str, subjects: tuple, peers: tuple) -> list[Ratio]:
        """Make a row for batch 1 and one for batch 8 from (network, engine, form)."""
        return [
            Ratio(
                title,
                tuple(Case(network, engine, batch, form) for network, engine, form in subjects),
                tuple(Case(network, engine, batch, form) for network, engine, form in peers),
                goal,
            )
            for batch, goal in zip((1, 8), goals, strict=True)
        ]

    ratios = []
    for engine, v2_goals, v1_goals in (
        ('openvino', (1.4, 1.6), (1.15, 1.15)),
        ('onnxruntime', (1.1, 1.15), (1.0, 1.0)),
    ):
        ratios += pair(
            v2_goals,
            f"V2 1.0x, {engine}: our export / torchvision's export",
            (('ours/v2', engine, 'deploy'),),
            (('torchvision/v2', engine, 'plain'),),
        )
        ratios += pair(
            v1_goals,
            f"V1 1.0x g3, {engine}: our export / mmpretrain's export",
            (('ours/v1', engine, 'deploy'),),
            (('mmpretrain/v1', engine, 'plain'),),
        )
    ratios += pair(
        (2.0, 1.7),
        'V2 1.0x, PyTorch: deploy form traced / torchvision eager',
        (('ours/v2', 'traced', 'deploy'),),
        (('torchvision/v2', 'eager', 'plain'),),
    )
    ratios += pair(
        (2.0, 1.7),
        'V1 1.0x g3, PyTorch: deploy form traced / mmpretrain eager',
        (('ours/v1', 'traced', 'deploy'),),
        (('mmpretrain/v1', 'eager', 'plain'),),
    )
    ratios += pair(
        (1.25, 1.35),
        'V2 1.0x, PyTorch compiled: deploy form / torchvision compiled',
        (('ours/v2', 'compiled', 'deploy'),),
        (('torchvision/v2', 'compiled', 'plain'),),
    )
    for network, title in (('v1', 'V1 1.0x g3'), ('v2', 'V2 1.0x')):
        ratios += pair(
            (1.5, 1.5),
            f'{title}, MindSpore: deploy form / training form',
            ((f'ours/{network}', 'mindspore', 'deploy'),),
            ((f'ours/{network}', 'mindspore', 'plain'),),
        )
    ratios += [
        Ratio(
            'V1 1.0x g3, training step: ours / mmpretrain',
            (Case('ours/v1', 'training', 32),),
            (Case('mmpretrain/v1', 'training', 32),),
            1.3,
        ),
        Ratio(
            'V2 1.0x, training step: ours / the faster of mmpretrain and torchvision',
            (Case('ours/v2', 'training', 32),),
            (Case('mmpretrain/v2', 'training', 32), Case('torchvision/v2', 'training', 32)),
            1.1,
        ),
        Ratio(
            'V1 1.0x g3, training step: checkpointed / not',
            (Case('ours/v1', 'training', 32, 'checkpointed'),),
            (Case('ours/v1', 'training', 32),),
            1 / 1.4,
        ),
        Ratio(
            'V2 1.0x, training step: checkpointed / not',
            (Case('ours/v2', 'training', 32, 'checkpointed'),),
            (Case('ours/v2', 'training', 32),),
            1 / 1.4,
        ),
        Ratio(
            'V2 1.0x, OpenVINO: our int8 / our fp32',
            (Case('ours/v2', 'openvino-int8', 1, 'deploy'),),
            (Case('ours/v2', 'openvino', 1, 'deploy'),),
            1.8,
        ),
        Ratio(
            'V2 1.0x, ONNX Runtime: our int8 / our fp32',
            (Case('ours/v2', 'onnxruntime-int8', 1, 'deploy'),),
            (Case('ours/v2', 'onnxruntime', 1, 'deploy'),),
            1.8,
        ),
    ]
    for network, title, goal in (('v1', 'V1 1.0x g3', 1.2), ('v2', 'V2 1.0x', 2.0)):
        ours = Case(f'ours/{network}', 'mindspore', 8)
        ratios += [
            Ratio(
                f'{title}, MindSpore: our training form / MindCV with our oneDNN setting',
                (ours,),
                (Case(f'mindcv/{network}', 'mindspore', 8),),
                goal,
            ),
            Ratio(
                f'{title}: ours in MindSpore / ours in eager PyTorch',
                (ours,),
                (Case(f'ours/{network}', 'eager', 8),),
                1 / 1.5,
            ),
            Ratio(
                f'{title}, training step: ours in MindSpore / ours in PyTorch',
                (Case(f'ours/{network}', 'mindspore-training', 8),),
                (Case(f'ours/{network}', 'training', 8),),
                1 / 2.5,
            ),
        ]
    ratios.append(
        Ratio(
            'V1 1.0x g3, MindSpore: our training form / MindCV as installed',
            (Case('ours/v1', 'mindspore', 8),),
            (Case('mindcv/v1', 'mindspore-as-installed', 8),),
            25.0,
        )
    )
    for peer in ('mobilenet_v2', 'resnet50'):
        for title, engine, batch in (
            ('backbone and neck', 'detector-features', 1),
            ('training step', 'detector-training', 4),
        ):
            ratios.append(
                Ratio(
                    f'RetinaNet at {DETECTION_SIZE}x{DETECTION_SIZE}, {title}: V2 1.0x / {peer}',
                    (Case('retinanet/shufflenet_v2', engine, batch),),
                    (Case(f'retinanet/{peer}', engine, batch),),
                    1.0,
                )
            )
    return ratios


STANDARD_RATIOS = tuple(_standard_ratios())
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
