"""Training, testing and predicting with MindSpore by the config files of the PyTorch side; twin of openmmlab."""
