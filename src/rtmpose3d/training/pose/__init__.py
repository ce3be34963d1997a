"""Training of pose models: the task, its losses, targets, distillation and validation."""
