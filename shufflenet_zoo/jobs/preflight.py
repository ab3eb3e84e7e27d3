"""What a run checks before anything is built, for both backends."""

from pathlib import Path

from mmengine.config import Config

from shufflenet_zoo.errors import CheckpointError, ConfigError


def require_sections(config: Config, job: str, keys: tuple[str, ...]) -> None:
    """Check that a config has the sections that a job needs.

    Raises:
        ConfigError: if one is missing.
    """
    missing = [key for key in keys if config.get(key) is None]
    if missing:
        raise ConfigError(f'{config.filename} has no {", ".join(missing)}, so that it describes no {job}')


def check_out(out: str | None, item: str) -> None:
    """Check the file that the results shall go to.

    Raises:
        ConfigError: if its suffix names no format for the item, it is a folder, or its own folder does not exist.
    """
    if out is None:
        return
    allowed = ('.pkl', '.pickle') if item == 'pred' else ('.json', '.yaml', '.yml', '.pkl')
    if Path(out).suffix not in allowed:
        raise ConfigError(f'--out {out}: {item} can be written as {", ".join(allowed)}')
    if Path(out).is_dir():
        raise ConfigError(f'--out {out}: is a folder; give the name of a file')
    if not Path(out).absolute().parent.is_dir():
        raise ConfigError(f'--out {out}: the folder {Path(out).parent} does not exist')


def require_checkpoint(path: str) -> None:
    """Check that a local checkpoint, a file or a folder, exists.

    Raises:
        CheckpointError: if it does not.
    """
    if '://' not in path and not Path(path).exists():
        raise CheckpointError(f'checkpoint {path} does not exist; give the path of a file that training saved')
