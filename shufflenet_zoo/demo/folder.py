"""The one folder that the demo writes to; it goes when the demo ends."""

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shufflenet_zoo.weights.download import HOME, cache_folder


@contextmanager
def own_folder() -> Iterator[Path]:
    """Work in a temporary folder, where everything goes that the libraries write, and nothing is asked of the net.

    To be entered before they are imported.
    """
    # Downloaded weights stay where they are: only caches go here.
    os.environ[HOME] = str(cache_folder())
    with TemporaryDirectory(prefix='shufflenet-zoo-demo-') as name, chdir(name):
        os.environ |= {
            'GRADIO_TEMP_DIR': str(Path(name, 'uploads')),
            'GRADIO_ANALYTICS_ENABLED': 'False',
            'HF_HUB_OFFLINE': '1',
            'HF_HOME': str(Path(name, 'hub')),
            'MPLCONFIGDIR': str(Path(name, 'matplotlib')),
            'XDG_CACHE_HOME': str(Path(name, 'cache')),
        }
        yield Path(name)
