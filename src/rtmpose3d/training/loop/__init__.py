"""The training loop: steps, engines, checkpoints, logs; the same for every task.

`run_training` is the loop. What is trained implements `TrainingTask`; devices and processes are
behind `Engine`.
"""

from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.engines import open_engine
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.loop.trainer import TrainingResult, check_run, run_training

__all__ = [
    "Engine",
    "TrainingResult",
    "TrainingTask",
    "check_run",
    "open_engine",
    "run_training",
]
