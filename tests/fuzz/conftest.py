"""Settings of every fuzz test: the same cases on every machine, and nothing written into the working tree."""

import tempfile

from hypothesis import HealthCheck, Phase, configuration, settings

configuration.set_hypothesis_home_dir(tempfile.mkdtemp(prefix='hypothesis-'))
settings.register_profile(
    'fuzz',
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile('fuzz')
