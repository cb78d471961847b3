"""Training: one loop, its optimisers, schedules, checkpoints and run folder."""

from resight.train.hooks import Hooks
from resight.train.loop import Trainer
from resight.train.optim import GroupRule, create_optimizer, parameter_groups
from resight.train.precision import PrecisionChoice
from resight.train.run_folder import RunFolder
from resight.train.schedules import ConstantSchedule, CosineSchedule, MultiStepSchedule
from resight.train.settings import LoopSettings
from resight.train.task import StepTime, SupervisedTask, Task

__all__ = [
    "ConstantSchedule",
    "CosineSchedule",
    "GroupRule",
    "Hooks",
    "LoopSettings",
    "MultiStepSchedule",
    "PrecisionChoice",
    "RunFolder",
    "StepTime",
    "SupervisedTask",
    "Task",
    "Trainer",
    "create_optimizer",
    "parameter_groups",
]
