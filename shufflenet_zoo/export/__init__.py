"""Trained classifiers as files for inference runtimes, each compared with the live model in its own runtime."""
