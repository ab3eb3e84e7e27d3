"""What starts the processes of a distributed run of PyTorch, and what it tells each of them."""

import os

from shufflenet_zoo.errors import ConfigError

# The variables that hold a process's number, how many there are, and its number on its own machine.
_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
}
_PROGRAMS = {'pytorch': 'torchrun', 'slurm': 'srun', 'mpi': 'mpirun'}
LAUNCHERS = ('none', *_VARIABLES)


def is_first_process(launcher: str) -> bool:
    """Whether this is the process of a job that writes, by what its launcher tells."""
    return launcher == 'none' or os.environ.get(_VARIABLES[launcher][0], '0') == '0'


def tell_torch(launcher: str) -> None:
    """Tell torch, in the variables of torchrun, what another launcher tells in its own.

    Args:
        launcher: One of LAUNCHERS.

    Raises:
        ConfigError: if that launcher has not started this process.
    """
    if launcher == 'none':
        return
    missing = [variable for variable in _VARIABLES[launcher] if variable not in os.environ]
    if missing:
        raise ConfigError(
            f'--launcher {launcher}: {_PROGRAMS[launcher]} has not started this process ({missing[0]} is not set); '
            f'start it by {_PROGRAMS[launcher]}, or leave --launcher away'
        )
    for ours, theirs in zip(_VARIABLES['pytorch'], _VARIABLES[launcher], strict=True):
        os.environ[ours] = os.environ[theirs]
    if _is_one_machine(launcher):
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')  # torch's own default


def _is_one_machine(launcher: str) -> bool:
    """Whether all processes are on this machine, by what slurm and mpi tell; torchrun says where the first is."""
    if launcher == 'slurm':
        return os.environ.get('SLURM_NNODES', '1') == '1'
    return os.environ.get('OMPI_COMM_WORLD_LOCAL_SIZE') == os.environ['WORLD_SIZE']
