"""Runs the checks on networks."""

import gc
import importlib.util
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from shufflenet_zoo.equivalence.checks.digits_training import check_digits
from shufflenet_zoo.equivalence.checks.exports import check_exports
from shufflenet_zoo.equivalence.checks.forward import check_forward
from shufflenet_zoo.equivalence.checks.optimizers import check_optimizers
from shufflenet_zoo.equivalence.checks.precision import check_precision
from shufflenet_zoo.equivalence.checks.preprocessing import check_preprocessing
from shufflenet_zoo.equivalence.checks.training import check_smooth_gradients, check_training, smooth_subject
from shufflenet_zoo.equivalence.checks.weights import check_weights
from shufflenet_zoo.equivalence.coverage import CASES, Case, cases_of, training_mode_of
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome
from shufflenet_zoo.equivalence.mutations import MUTATIONS, Mutation, get_mutation
from shufflenet_zoo.equivalence.subject import FAST_VARIANTS, Subject
from shufflenet_zoo.equivalence.trio import Trio, build_trio
from shufflenet_zoo.errors import DependencyError, VerificationError

# What processes that share one network divide among them; the second line is for one network of every family.
_EVERY_NETWORK = (('weights', 'training'), ('smooth', 'optimizers'), ('forward',))
_ONE_OF_FAMILY = (('digits',), ('precision', 'exports'))
CHECK_NAMES = ('preprocessing', *(name for group in (*_EVERY_NETWORK, *_ONE_OF_FAMILY) for name in group))
_TASKS_PER_PROCESS = 4
_PACKAGES = ('torch', 'mmcv', 'mmpretrain', 'mindspore')


@dataclass(frozen=True)
class Verification:
    """What all checks found.

    Attributes:
        outcomes: What every check found, with the network's name.
        seconds: How long it took.
        mutation: Name of the deliberate error, or None.
    """

    outcomes: tuple[tuple[str, Outcome], ...]
    seconds: float
    mutation: str | None = None

    @property
    def measurements(self) -> list[Measurement]:
        """All differences."""
        return [found for _, outcome in self.outcomes for found in outcome.measurements]

    @property
    def exceeded(self) -> list[Measurement]:
        """The differences beyond their bounds."""
        return [found for found in self.measurements if not found.passed]

    @property
    def notes(self) -> list[str]:
        """What could not be compared on this machine, without repetitions."""
        return list(dict.fromkeys(note for _, outcome in self.outcomes for note in outcome.notes))


@dataclass(frozen=True)
class _Task:
    """Checks of one network that one process runs.

    Attributes:
        subject: The network; for the preprocessing a user's, or None.
        checks: The checks.
        mode: MindSpore's mode in training.
        cases: Input shapes and modes of the forward check.
        mutation: Name of a deliberate error, or None.
    """

    subject: Subject | None
    checks: tuple[str, ...]
    mode: str
    cases: tuple[Case, ...]
    mutation: str | None


def verify(
    subjects: Sequence[Subject],
    checks: Collection[str] = CHECK_NAMES,
    mutation: str | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
    cases: tuple[Case, ...] | None = None,
    jobs: int = 1,
) -> Verification:
    """Compare networks in the two frameworks.

    Args:
        subjects: The networks.
        checks: Which checks to run. Default: all.
        mutation: Name of a deliberate error, which the checks must notice. Default: None.
        report: Called with every outcome as soon as it is there.
        cases: Input shapes and modes of the forward check. Default: None, half of CASES for every network, another
            half for the next one; for a single network all of them.
        jobs: Processes that run checks. Default: 1, this one.

    Raises:
        ArgumentError: if there is no such mutation, or a network does not have what it changes.
        DependencyError: if a framework is not installed.
        CheckpointError: if weights cannot be converted, or carry no signal.
        VerificationError: if a process is killed.
    """
    if mutation is not None:
        get_mutation(mutation, subjects)
    _check_packages()
    start = time.monotonic()
    tasks = _plan(subjects, checks, mutation, cases)
    found: dict[int, tuple[Outcome, ...]] = {}
    for index, outcomes in _run_all(tasks, jobs):
        found[index] = outcomes
        for outcome in outcomes:
            report(outcome)
    named = [
        (task.subject.name if task.subject else 'preprocessing', outcome)
        for index, task in enumerate(tasks)
        for outcome in found[index]
    ]
    return Verification(tuple(named), time.monotonic() - start, mutation)


def _plan(
    subjects: Sequence[Subject], checks: Collection[str], mutation: str | None, cases: tuple[Case, ...] | None
) -> list[_Task]:
    thorough = _one_of_every_family(subjects)
    tasks = []
    if 'preprocessing' in checks:
        users = next((subject for subject in subjects if subject.config), None)
        tasks.append(_Task(users, ('preprocessing',), '', (), mutation))
    for position, subject in enumerate(subjects):
        chosen = cases or (CASES if len(subjects) == 1 else cases_of(position))
        # Of several networks each has one process: two processes with the deepest one would fill the memory.
        common = _EVERY_NETWORK if len(subjects) == 1 else (tuple(chain(*_EVERY_NETWORK)),)
        groups = (*common, *(_ONE_OF_FAMILY if subject.name in thorough else ()))
        for group in groups:
            if wanted := tuple(check for check in group if check in checks):
                tasks.append(_Task(subject, wanted, training_mode_of(position), chosen, mutation))
    return tasks


def _run_all(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
    """Yield the place of every task and its outcomes, as they are finished."""
    if jobs == 1:
        for index, task in enumerate(tasks):
            yield index, _run(task)
        return
    # MindSpore forks badly, and keeps the memory of every graph that it compiled, so that processes must end. A pool
    # with max_tasks_per_child is not safe: CPython 3.11 may not replace a process and wait for it forever.
    context = multiprocessing.get_context('spawn')
    # The deepest first, so that no process is left with one at the end.
    numbered = sorted(enumerate(tasks), key=lambda entry: _depth(entry[1]), reverse=True)
    for first in range(0, len(tasks), jobs * _TASKS_PER_PROCESS):
        with ProcessPoolExecutor(jobs, context) as pool:
            futures = {
                pool.submit(_run_alone, task, jobs): index
                for index, task in numbered[first : first + jobs * _TASKS_PER_PROCESS]
            }
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise VerificationError(
                    'a process was killed, most likely because the memory ran out; give fewer '
                    f'--jobs than {jobs}, or some of the networks by --variants'
                ) from error
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _depth(task: _Task) -> int:
    """Return the number of convolutions in the network of a task."""
    return len(task.subject.plan.named_convs()) if task.subject else 0


def _run_alone(task: _Task, jobs: int) -> tuple[Outcome, ...]:
    """Run a task in a process of its own, on its share of the cores."""
    # Read when the frameworks are imported, which the first task does.
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, (os.cpu_count() or 1) // jobs)))
    import mindspore as ms

    # Otherwise its threads wait for each other's operators by spinning, on cores that the other processes need.
    ms.runtime.launch_blocking()
    return _run(task)


def _run(task: _Task) -> tuple[Outcome, ...]:
    """Run the checks of one task."""
    with _prepared_process():
        outcomes = tuple(_outcomes(task))
    # A MindSpore cell is part of reference cycles, and its memory that of a network.
    gc.collect()
    return outcomes


def _outcomes(task: _Task) -> Iterator[Outcome]:
    mutation = MUTATIONS[task.mutation] if task.mutation else None
    if task.checks == ('preprocessing',):
        yield check_preprocessing([task.subject.config] if task.subject else [])
        return
    yield from _of_one_trio(task, task.subject, {'weights': check_weights, 'training': check_training}, mutation)
    gc.collect()
    yield from _of_one_trio(
        task, smooth_subject(task.subject), {'smooth': check_smooth_gradients, 'optimizers': check_optimizers}, mutation
    )
    gc.collect()
    if 'forward' in task.checks:
        yield check_forward(task.subject, task.cases, mutation)
    for name, check in (('digits', check_digits), ('precision', check_precision), ('exports', check_exports)):
        if name in task.checks:
            yield check(task.subject, mutation)


def _of_one_trio(
    task: _Task, subject: Subject, checks: Mapping[str, Callable[[Trio], Outcome]], mutation: Mutation | None
) -> Iterator[Outcome]:
    """Run those checks of a task that share the three networks."""
    wanted = [check for name, check in checks.items() if name in task.checks]
    if wanted:
        trio = build_trio(subject, task.mode, mutation)
        for check in wanted:
            yield check(trio)


def _one_of_every_family(subjects: Sequence[Subject]) -> list[str]:
    """Return the names of the networks for the checks that are run once per family."""
    chosen: dict[str, str] = {}
    for subject in (*(subject for subject in subjects if subject.name in FAST_VARIANTS), *subjects):
        chosen.setdefault(subject.family, subject.name)
    return list(chosen.values())


def _check_packages() -> None:
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise DependencyError(
            f'the comparison runs both frameworks, but {", ".join(missing)} is not installed; '
            f'README.md says how to install it'
        )


@contextmanager
def _prepared_process() -> Iterator[None]:
    """Quieten both frameworks; their loggers and MindSpore's mode are restored afterwards."""
    # Read when mindspore is imported: its warnings on every tuple of gradients fill screens.
    os.environ.setdefault('GLOG_v', '3')
    import mindspore as ms
    from mmengine.logging import MMLogger

    from shufflenet_zoo.mindspore_impl.onednn import hold_at_avx2

    hold_at_avx2()
    # mmengine reports every parameter's decay, and the exporter operators of torchvision that no network here has.
    loggers = {MMLogger.get_current_instance(): logging.WARNING, logging.getLogger('torch.onnx'): logging.ERROR}
    before, mode = {logger: logger.level for logger in loggers}, ms.get_context('mode')
    try:
        for logger, level in loggers.items():
            logger.setLevel(level)
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
        ms.set_context(mode=mode)
