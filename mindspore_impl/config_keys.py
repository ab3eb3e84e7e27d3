"""Reading sections of a config: what this backend cannot honour is refused by its key, nothing is dropped."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from shufflenet_zoo.errors import ConfigError

Choice = TypeVar('Choice')


def check_keys(section: Mapping[str, Any], key: str, known: Collection[str]) -> None:
    """Check that every key of a section is one that this backend knows.

    Args:
        section: The section.
        key: Its dotted name in the config.
        known: The keys that may appear; 'type' always may.

    Raises:
        ConfigError: if there is another one.
    """
    for name in section:
        if name != 'type' and name not in known:
            raise ConfigError(
                f'{key}.{name}={section[name]!r} is not supported by --backend mindspore; '
                f'{section.get("type", key)} takes {", ".join(known) or "nothing"} there'
            )


def choose(section: Mapping[str, Any], key: str, choices: Mapping[str, Choice], default: str | None = None) -> Choice:
    """Return what the 'type' of a section stands for.

    The scopes of mmengine's registries (``mmpretrain.`` and so on) may be left out, as mmengine allows; names of
    other scopes must be written in full in ``choices``.

    Args:
        section: The section.
        key: Its dotted name in the config.
        choices: What each type stands for.
        default: The type of a section that names none. Default: None, the section must name one.

    Raises:
        ConfigError: if the type is none of the choices.
    """
    kind = section.get('type', default)
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    scope, _, bare = name.rpartition('.')
    if scope in ('mmpretrain', 'mmcv', 'mmengine'):
        name = bare
    if name not in choices:
        raise ConfigError(
            f'{key}.type={name!r} is not supported by --backend mindspore, which has {", ".join(choices)}'
        )
    return choices[name]


def require(condition: bool, key: str, value: Any, allowed: str) -> None:
    """Raise a ConfigError that names a key, its value and what this backend takes there, unless the condition holds."""
    if not condition:
        raise ConfigError(f'{key}={value!r} is not supported by --backend mindspore; must be {allowed}')
