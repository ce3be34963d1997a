"""Training data of pose models: batches, augmentation, dataset mixtures, rendered people."""
