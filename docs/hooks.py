"""What MkDocs asks while it builds the site: pages from files that lie elsewhere, and the packages as installed."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# Folders at the top of the repository that are imported as subpackages.
_MAPPED = ('backbones', 'mindspore_impl')
_NOTEBOOK = 'tutorial.ipynb'
_PACKAGES = TemporaryDirectory(prefix='shufflenet-zoo-docs-')


# Before mkdocstrings reads its options.
@event_priority(100)
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let mkdocstrings find the packages in one tree, which it reads without importing them."""
    package = Path(_PACKAGES.name, 'shufflenet_zoo')
    if not package.exists():
        package.mkdir()
        for path in (ROOT / 'shufflenet_zoo').iterdir():
            (package / path.name).symlink_to(path)
        for name in _MAPPED:
            (package / name).symlink_to(ROOT / name)
    config.plugins['mkdocstrings'].config.handlers['python']['paths'] = [_PACKAGES.name]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README, CONTRIBUTING and the tutorial as pages."""
    for page, source in (('index.md', 'README.md'), ('contributing.md', 'CONTRIBUTING.md')):
        text = (ROOT / source).read_text(encoding='utf-8')
        text = text.replace('](docs/', '](').replace(f']({_NOTEBOOK})', '](tutorial.md)')
        text = text.replace('](CONTRIBUTING.md)', '](contributing.md)')
        files.append(File.generated(config, page, content=text))
    notebook = json.loads((ROOT / 'docs' / _NOTEBOOK).read_text(encoding='utf-8'))
    content = '\n\n'.join(map(_show_cell, notebook['cells']))
    files.append(File.generated(config, 'tutorial.md', content=content))
    return files


def _show_cell(cell: dict) -> str:
    """Return a cell of the notebook, with what it printed and drew, as Markdown."""
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
        return source
    parts = [f'```python\n{source}\n```']
    for output in cell['outputs']:
        data = output.get('data', {})
        if 'image/png' in data:
            parts.append(f'![](data:image/png;base64,{"".join(data["image/png"]).replace(chr(10), "")})')
        elif text := ''.join(output.get('text') or data.get('text/plain') or ()):
            parts.append(f'```text\n{text.rstrip()}\n```')
    return '\n\n'.join(parts)
