"""Training: losses, labels, augmentation, the loop, recipes. Needs the extra `torch`."""
