"""Trained classifiers and detectors as files for inference runtimes, each compared there with the live model."""
