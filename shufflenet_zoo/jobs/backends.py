"""What the command lines hand to a backend, and how they find it."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from shufflenet_zoo.errors import DependencyError

# Each module has train(config, options) and test(config, checkpoint, options).
BACKENDS = {'torch': 'shufflenet_zoo.openmmlab.runner', 'mindspore': 'shufflenet_zoo.mindspore_impl.training.trainer'}
# Each module has predict(config, checkpoint, images, options).
PREDICTORS = {
    'torch': 'shufflenet_zoo.openmmlab.predictor',
    'mindspore': 'shufflenet_zoo.mindspore_impl.training.predictor',
}
# Each module has respond(...), augment(...) and find_evidence(...), which figures are drawn from.
INSPECTORS = {
    'torch': 'shufflenet_zoo.openmmlab.inspection',
    'mindspore': 'shufflenet_zoo.mindspore_impl.training.inspection',
}


# How feature maps are stored in training on a CPU; the last one measures the others.
FASTEST = 'fastest'
MEMORY_FORMATS = ('channels_last', 'contiguous', FASTEST)


@dataclass(frozen=True)
class TrainOptions:
    """Options of one training run.

    Attributes:
        work_dir: Where checkpoints and logs go. Default: None, the config's or ./work_dirs/<name of the config>.
        resume: 'auto' (the work directory's last checkpoint, if any) or a checkpoint. Default: None, start anew.
        amp: Whether to train in mixed precision: float16 with loss scaling on a GPU, bfloat16 on the CPU.
        compile: Whether to compile the backbone for training; PyTorch only, MindSpore always compiles.
        memory_format: How PyTorch stores feature maps in training on a CPU, one of MEMORY_FORMATS. Default: None,
            'contiguous' where the backbone is compiled, else 'channels_last'.
        auto_scale_lr: Whether to scale the learning rate by the batch size.
        validate: Whether to evaluate during training.
        launcher: How the processes of distributed training were started, one of launchers.LAUNCHERS.
        device: 'cpu', 'cuda' or None, which takes what the framework finds.
        pin_memory: Whether the dataloaders may use pinned memory.
        persistent_workers: Whether the dataloaders' workers outlive an epoch.
    """

    work_dir: str | None = None
    resume: str | None = None
    amp: bool = False
    compile: bool = False
    memory_format: str | None = None
    auto_scale_lr: bool = False
    validate: bool = True
    launcher: str = 'none'
    device: str | None = None
    pin_memory: bool = True
    persistent_workers: bool = True


@dataclass(frozen=True)
class TestOptions:
    """Options of one evaluation.

    Attributes:
        work_dir: Where the log goes. Default: None, the config's or ./work_dirs/<name of the config>.
        out: File for the results. Default: None, none.
        out_item: What goes into ``out``: 'pred' (every prediction, pickled) or 'metrics' (by suffix: JSON, YAML).
        amp: Whether to evaluate in mixed precision.
        show_dir: Where to put images with their predictions drawn. Default: None, nowhere.
        show: Whether to show these images in a window.
        interval: Draw every n-th sample only.
        wait_time: Seconds that a window stays.
        tta: Whether to average over test-time augmentations, by the config or horizontal flips.
        launcher: How the processes were started, one of launchers.LAUNCHERS.
        device: 'cpu', 'cuda' or None, which takes what the framework finds.
        pin_memory: Whether the dataloaders may use pinned memory.
    """

    __test__ = False  # no test case, whatever its name makes pytest think

    work_dir: str | None = None
    out: str | None = None
    out_item: str = 'pred'
    amp: bool = False
    show_dir: str | None = None
    show: bool = False
    interval: int = 1
    wait_time: float = 2.0
    tta: bool = False
    launcher: str = 'none'
    device: str | None = None
    pin_memory: bool = True


@dataclass(frozen=True)
class PredictOptions:
    """Options of predictions for image files.

    Attributes:
        top_k: Classes reported for a whole image.
        score_threshold: Objects below this score are left out.
        device: 'cpu', 'cuda' or None, which takes what the framework finds.
    """

    top_k: int = 5
    score_threshold: float = 0.3
    device: str | None = None


def load_backend(name: str, modules: Mapping[str, str] = BACKENDS) -> ModuleType:
    """Import the module that works with a framework.

    Args:
        name: The framework, a key of modules.
        modules: What is to be done, BACKENDS (train and test), PREDICTORS or INSPECTORS.

    Raises:
        DependencyError: if a package that it needs is not installed.
    """
    try:
        return importlib.import_module(modules[name])
    except ModuleNotFoundError as error:
        raise DependencyError(
            f'--backend {name} needs the package {error.name!r}, which is not installed; '
            f'README.md says what each backend needs'
        ) from error
