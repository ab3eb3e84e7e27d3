"""Which form of a network is fastest in which format: the deploy form, or the trained network as it is."""

# Time of the trained network over that of its deploy form, 224x224, one image, fp32, 2 threads, medians in turns; 1.0x,
# V1 with 3 groups. The least of what an Intel CPU and an AMD EPYC gave, both with AVX-512; LiteRT and ExecuTorch on the
# latter only. Formats that are not listed have the deploy form: in TorchScript it takes a third to half of the time.
GAINS = {
    'onnx': {'ShuffleNetV1': 0.99, 'ShuffleNetV2': 1.08},
    'openvino': {'ShuffleNetV1': 0.95, 'ShuffleNetV2': 1.24},
    'ncnn': {'ShuffleNetV1': 0.96, 'ShuffleNetV2': 1.14},
    'mnn': {'ShuffleNetV1': 1.00, 'ShuffleNetV2': 1.11},
    'litert': {'ShuffleNetV1': 1.01, 'ShuffleNetV2': 1.17},
    'executorch': {'ShuffleNetV1': 3.83, 'ShuffleNetV2': 1.87},
}
# Formats for which a detector stays as trained: the deploy form brings the channels of outputs back into their order by
# a gather, which ncnn lacks; in LiteRT it was not tried.
WITHOUT_DEPLOYED_DETECTORS = ('ncnn', 'litert')
# A loss below this is noise, and the deploy form's file has fewer operators.
_NOISE = 0.02


def is_deploy_fastest(file_format: str, backbone: str, detector: bool = False) -> bool:
    """Whether the deploy form of a backbone, a class of this project, is the one to write in a format.

    Args:
        file_format: One of FORMATS.
        backbone: The class.
        detector: Whether it is a detector's. Default: False.
    """
    if detector and file_format in WITHOUT_DEPLOYED_DETECTORS:
        return False
    return GAINS.get(file_format, {}).get(backbone, 1.0) >= 1 - _NOISE
