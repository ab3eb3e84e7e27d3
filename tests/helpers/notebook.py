"""Running a notebook without a kernel: its cells one after the other, in the folder where one stands.

``PYTHONPATH=tests python -m helpers.notebook FILE`` runs it in an empty folder, and writes what the cells showed into
the file.
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def run_notebook(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run every cell; return the notebook with what they showed, and the names that they left.

    A cell shows what it prints, and its last expression: a picture as PNG, anything else as text.
    """
    notebook = json.loads(path.read_text(encoding='utf-8'))
    names: dict[str, Any] = {'__name__': '__main__'}
    cells = [cell for cell in notebook['cells'] if cell['cell_type'] == 'code']
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = _run(''.join(cell['source']), f'{path.name}, cell {number}', names)
        cell['outputs'] = _shown(printed.getvalue(), value, number)
        cell['execution_count'] = number
    return notebook, names


def _run(source: str, name: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last expression, None where it ends with a statement."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, 'exec'), names)
    return eval(compile(ast.Expression(last.value), name, 'eval'), names) if last else None


def _shown(printed: str, value: Any, number: int) -> list[dict[str, Any]]:
    outputs = []
    if printed:
        outputs.append({'name': 'stdout', 'output_type': 'stream', 'text': printed.splitlines(True)})
    if value is not None:
        data = {'text/plain': [repr(value)]}
        if hasattr(value, '_repr_png_'):
            data = {'image/png': base64.b64encode(value._repr_png_()).decode(), 'text/plain': ['<picture>']}
        outputs.append({'data': data, 'execution_count': number, 'metadata': {}, 'output_type': 'execute_result'})
    return outputs


if __name__ == '__main__':
    file = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shown, _ = run_notebook(file)
        os.chdir('/')
    file.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
