"""Keys that a config should not have, by the likely typo."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from shufflenet_zoo.errors import did_you_mean

# How alike an unknown key and one beside it must be, for the one to be taken for a typo of the other.
_ALIKE = 0.9
_REFUSED = re.compile(r"unexpected keyword argument '(\w+)'")


def find_typo(config: Config, key: str) -> str | None:
    """Return the dotted key that was meant by one that a config lacks; None where none beside it is nearly the same.

    A key that the config lacks may well be right: sections do not write out every argument.
    """
    node: Any = config
    parts = key.split('.')
    for i, part in enumerate(parts):
        if isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif not isinstance(node, (Mapping, Config)):
            return None
        elif part in node:
            node = node[part]
        else:
            near = difflib.get_close_matches(part, map(str, node), n=1, cutoff=_ALIKE)
            return '.'.join([*parts[:i], near[0], *parts[i + 1 :]]) if near else None
    return None


def blame(config: Config, error: Exception) -> str:
    """Return which keys of a config are the argument that a class refused, for its error; else nothing."""
    found = _REFUSED.search(str(error))
    if not found:
        return ''
    return ''.join(
        f'; {key} is no argument of {section.get("type", "its class")}'
        + did_you_mean(found[1], [name for name in map(str, section) if name != found[1]])
        for key, section in _sections(config, '')
        if key.rpartition('.')[2] == found[1]
    )


def _sections(node: Any, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every dotted key of a config with the section that it stands in."""
    items = enumerate(node) if isinstance(node, (list, tuple)) else node.items() if hasattr(node, 'items') else ()
    for name, value in items:
        if isinstance(node, (Mapping, Config)):
            yield f'{prefix}{name}', node
        yield from _sections(value, f'{prefix}{name}.')
