"""The training loop: steps, engine, checkpoints, logs; the same for every task."""
