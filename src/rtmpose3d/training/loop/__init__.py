"""The training loop: steps, engines, checkpoints, logs; the same for every task.

`run_training` is the loop. What is trained implements `TrainingTask`; devices and processes are
behind `Engine`.
"""

from rtmpose3d.training.loop.distributed import open_engine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.run_folder import open_run
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.loop.trainer import TrainingResult, run_training

__all__ = [
    "Engine",
    "TrainingResult",
    "TrainingTask",
    "open_engine",
    "open_run",
    "run_training",
]
