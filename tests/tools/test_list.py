"""tools/list.py and the table of docs/zoo.md."""

from helpers.refusals import assert_refused
from helpers.tiny_job import ROOT

from shufflenet_zoo.arch.variants import list_models
from shufflenet_zoo.weights import list_weights


def test_everything_is_listed(call):
    status, output, errors = call('list')
    assert status == 0, errors
    first = [line.split()[0] for line in output if line]
    assert first[: first.index('weights')] == ['network', *list_models()]
    listed = first[first.index('weights') + 1 :][: len(list_weights())]
    assert sorted(listed) == sorted(list_weights())


def test_patterns(call):
    status, output, errors = call('list', '*digits', 'shufflenet_v2_50')
    assert status == 0, errors
    lines = [line.split() for line in output if line]
    assert [line[0] for line in lines] == [
        *('network', 'shufflenet_v2_50'),
        *('weights', 'shufflenet_v1_digits', 'shufflenet_v2_digits'),
    ]
    assert ' '.join(lines[-1]) == 'shufflenet_v2_digits 98.59 100.00 0.35 M 0.7 MB digits yes Apache-2.0'
    status, output, errors = call('list', 'torchvision-int8')
    assert output[-1].startswith('torchvision-int8: not readable, because its tensors are quantized to int8')
    assert ' no ' in output[1]


def test_unknown_names_get_the_nearest(call):
    status, _, errors = call('list', 'torchvison')
    assert_refused(status, '\n'.join(errors), "are called 'torchvison'; did you mean 'torchvision'")


def test_table_of_the_docs(call):
    status, output, errors = call('list', '--markdown')
    assert status == 0, errors
    assert (ROOT / 'docs' / 'zoo.md').read_text(encoding='utf-8').endswith('\n'.join(output) + '\n')
