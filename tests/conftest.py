"""Settings that must be in force before any test imports a framework."""

import os

# mindspore's own oneDNN falls to a reference convolution on AVX-512, ten times slower; it reads this once.
os.environ.setdefault('ONEDNN_MAX_CPU_ISA', 'AVX2')
