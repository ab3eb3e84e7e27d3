"""Training and testing in PyTorch with mmengine: data sets, hooks, checkpoints, the runner."""
