"""What every command does with errors: one line, or with --debug the traceback before it."""

import ast
import importlib

import pytest
from helpers.tiny_job import ROOT

from shufflenet_zoo import errors
from shufflenet_zoo.commands import COMMANDS


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_debug(command, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', [command, '--help'])
    with pytest.raises(SystemExit):
        importlib.import_module(f'shufflenet_zoo.commands.{command}').main()
    assert '--debug' in capsys.readouterr().out


def test_debug_shows_where_an_error_arose(call):
    assert len(call('train', 'absent.py')[2]) == 1
    status, _, lines = call('train', 'absent.py', '--debug')
    assert status == 2
    assert lines[0].startswith('Traceback') and any('load_config' in line for line in lines)
    assert lines[-1].startswith('error: config absent.py does not exist')


def test_errors_are_one_hierarchy():
    """No class of an exception lies beside ours but what a module keeps to itself, and that of signals, no error."""
    ours = {name for name, value in vars(errors).items() if getattr(value, '__module__', '') == errors.__name__}
    ours = {name for name in ours if isinstance(getattr(errors, name), type)}
    assert all(issubclass(getattr(errors, name), errors.ShuffleNetZooError) for name in ours)
    folders = ('backbones', 'mindspore_impl', 'shufflenet_zoo')
    trees = [ast.parse(path.read_text()) for folder in folders for path in (ROOT / folder).rglob('*.py')]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    strangers = []
    for node in classes:
        bases = {ast.unparse(base) for base in node.bases}
        is_exception = any(base.endswith(('Error', 'Exception', 'Interrupt')) for base in bases)
        if is_exception and not bases & ours and not node.name.startswith('_'):
            strangers.append(node.name)
    assert sorted(strangers) == ['Interruption', 'ShuffleNetZooError']
