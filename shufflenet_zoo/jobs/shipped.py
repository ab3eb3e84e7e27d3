"""The configs that come with the package, by name: 'shufflenet_v1_g3', or 'imagenet/shufflenet-v2-1x_in1k'."""

from collections.abc import Iterable
from pathlib import Path

import shufflenet_zoo
from shufflenet_zoo.errors import ConfigError, did_you_mean, first_names

SUFFIX = '.py'
# The folder of configs that others build on, which describe no job themselves.
_BASES = '_base_'


def configs_folder() -> Path:
    """Return the folder of the shipped configs: the package's own, else the checkout's."""
    package = Path(shufflenet_zoo.__file__).parent
    folders = (package / '.mim' / 'configs', package.parent / 'configs')
    return next((folder for folder in folders if folder.is_dir()), folders[0]).resolve()


def list_configs() -> list[str]:
    """Return the names of the shipped configs, their folders included."""
    folder = configs_folder()
    paths = (path.relative_to(folder) for path in folder.rglob(f'*{SUFFIX}'))
    return sorted(path.with_suffix('').as_posix() for path in paths if _BASES not in path.parts)


def shipped_path(name: str) -> Path:
    """Return the file of a shipped config, by its name with all its folders."""
    return configs_folder() / f'{name}{SUFFIX}'


def find_config(name: str | Path, others: Iterable[str] = ()) -> Path:
    """Return the config file that a user means.

    Args:
        name: The path of a file, or the name of a shipped config, of whose folders only those are needed that tell it
            from others.
        others: Names besides that would have been right, for the error. Default: none.

    Raises:
        ConfigError: if there is no such file or name, with the nearest names; or several configs have that name.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        raise ConfigError(f'config {path} is a folder; give a config file')
    known = list_configs()
    if path.suffix != SUFFIX:
        found = [one for one in known if one == str(name)] or [one for one in known if one.endswith(f'/{name}')]
        if len(found) > 1:
            raise ConfigError(f'several configs are called {name}: {", ".join(found)}; name one with its folder')
        if found:
            return shipped_path(found[0])
    names = dict.fromkeys([*others, *(one.rpartition('/')[2] for one in known)])
    hint = did_you_mean(path.name.removesuffix(SUFFIX), names)
    raise ConfigError(
        f'config {name} does not exist'
        + (hint or f'; give the path of a file, or a name of those in {configs_folder()}, such as {first_names(known)}')
    )
