"""The input pipeline: data sets, augmentation, order of samples, batches."""
