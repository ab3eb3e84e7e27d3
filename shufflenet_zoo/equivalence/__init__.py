"""The proof that a network computes the same in PyTorch and in MindSpore, in evaluation and in training.

Every difference is measured from PyTorch in double precision and stands beside its bound. Importing this package
imports neither framework; running a check imports both.
"""

from shufflenet_zoo.equivalence.conversion import ConversionProof, verify_conversion
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome
from shufflenet_zoo.equivalence.mutations import MUTATIONS, get_mutation
from shufflenet_zoo.equivalence.subject import FAST_VARIANTS, Subject, configured_subject, named_subjects
from shufflenet_zoo.equivalence.verification import CHECK_NAMES, Verification, verify

__all__ = [
    'CHECK_NAMES',
    'FAST_VARIANTS',
    'MUTATIONS',
    'ConversionProof',
    'Measurement',
    'Outcome',
    'Subject',
    'Verification',
    'configured_subject',
    'get_mutation',
    'named_subjects',
    'verify',
    'verify_conversion',
]
