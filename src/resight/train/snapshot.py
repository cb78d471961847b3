"""Everything that a trainer needs to go on, as one state for a checkpoint."""

import logging
from typing import TYPE_CHECKING, Any

from resight.errors import TrainingError
from resight.train.precision import Precision, can_calculate

if TYPE_CHECKING:
    from resight.train.loop import Trainer

_logger = logging.getLogger(__name__)


def take_snapshot(trainer: "Trainer") -> dict[str, Any]:
    """The state between two steps of the optimiser; there are no gradients then."""
    average = trainer.average
    return {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "updates": trainer.updates,
        "sums": trainer.sums,
        "seconds": trainer.seconds,
        "processes": trainer.accelerator.num_processes,
        "precision": trainer.gradients.precision,
        "model": trainer.task.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.gradients.scaler.state_dict(),
        "task": trainer.task.state(),
        "average": None if average is None else average.model.state_dict(),
        "average_steps": 0 if average is None else average.steps,
    }


def restore_snapshot(trainer: "Trainer", state: dict[str, Any]) -> None:
    """Puts a trainer into a state.

    Raises:
        TrainingError: if it is one of another model, optimiser or, inside an epoch, number of processes.
    """
    processes = trainer.accelerator.num_processes
    try:
        if state["step"] and state["processes"] != processes:
            raise ValueError(
                f"it was saved inside an epoch that {state['processes']} process(es) shared, not {processes}"
            )
        trainer.task.load_state(state["task"])  # first: it knows best what does not fit
        trainer.task.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.settings.precision == "auto":
            _restore_precision(trainer, state["precision"])
        trainer.gradients.scaler.load_state_dict(state["scaler"])
        if trainer.average is not None:
            trainer.average.model.load_state_dict(state["average"])
            trainer.average.steps = state["average_steps"]
        trainer.epoch, trainer.step, trainer.updates = state["epoch"], state["step"], state["updates"]
        trainer.sums, trainer.seconds = dict(state["sums"]), state["seconds"]
    except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        raise TrainingError(
            f"{trainer.checkpoint} does not fit this run: {reason}. Resume with the recipe of that run"
        ) from error


def _restore_precision(trainer: "Trainer", precision: Precision | None) -> None:
    """The precision that was measured when the run began, on whatever device that was."""
    device = trainer.accelerator.device
    if precision is None:  # stopped before it was measured
        return
    if can_calculate(device, precision):
        trainer.gradients.use_precision(precision)
    else:
        _logger.warning("the run began in %s, which %s cannot calculate in; it is measured anew", precision, device)
