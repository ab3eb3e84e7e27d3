"""Every test begins in PyNative mode, whatever the one before it set."""

import mindspore as ms
import pytest

# Otherwise its threads wait for each other's operators by spinning, on the cores of pytest's other processes.
ms.runtime.launch_blocking()


@pytest.fixture(autouse=True)
def pynative():
    ms.set_context(mode=ms.PYNATIVE_MODE)
    ms.set_seed(0)


@pytest.fixture(params=['pynative', 'graph'])
def mode(request, tmp_path, monkeypatch):
    """Run a test in both modes; what mindspore leaves in the current folder goes away."""
    monkeypatch.chdir(tmp_path)
    ms.set_context(mode=ms.GRAPH_MODE if request.param == 'graph' else ms.PYNATIVE_MODE)
