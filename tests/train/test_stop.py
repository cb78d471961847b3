import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from resight.train import Hooks
from resight.train.checkpoint import load_checkpoint
from resight.train.stop import StopSignals
from tests.train.toy import BATCHES, assert_same, state_of, toy_model, toy_trainer

ENDS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit}


def _signal_at(step: int, number: int, times: int = 1) -> Hooks:
    left = [step]

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            for _ in range(times):
                signal.raise_signal(number)  # in this thread, so that two are not taken for one

    return Hooks(on_step=on_step)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("step", [1, 3, BATCHES - 1, BATCHES, BATCHES + 2, 2 * BATCHES])
@pytest.mark.parametrize("settings", [{}, {"accumulation": 2, "save_every": 2}], ids=["plain", "accumulation"])
def test_a_signal_saves_and_leaves_and_the_run_ends_bitwise_the_same(
    tmp_path: Path, number: int, step: int, settings: dict[str, Any]
) -> None:
    settings = {"epochs": 2, **settings}
    undisturbed = toy_trainer(**settings)
    undisturbed.fit()
    path = tmp_path / "last.pt"
    before = signal.getsignal(number)
    stopped = toy_trainer(path, hooks=_signal_at(step, number), **settings)
    with pytest.raises(ENDS[number]) as caught:
        stopped.fit()
    assert signal.getsignal(number) is before
    assert number == signal.SIGINT or caught.value.code == 143
    done = stopped.epoch * BATCHES + stopped.step
    assert step <= done <= step + settings.get("accumulation", 1), "it leaves at the next place where it can save"
    again = toy_trainer(path, model=toy_model(seed=1), **settings)
    again.resume()
    assert (again.epoch, again.step) == (stopped.epoch, stopped.step)
    again.fit()
    assert_same(state_of(again), state_of(undisturbed))


@pytest.fixture
def ordinary_ctrl_c() -> Iterator[None]:
    """Whatever ran before in this process: Ctrl-C raises KeyboardInterrupt, as in a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ordinary_ctrl_c")
def test_a_second_ctrl_c_acts_at_once(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path / "last.pt", hooks=_signal_at(1, signal.SIGINT, times=2))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert not (tmp_path / "last.pt").exists()


def test_a_second_sigterm_changes_nothing(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path / "last.pt", hooks=_signal_at(2, signal.SIGTERM, times=2))
    with pytest.raises(SystemExit, match="143"):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3


@pytest.mark.usefixtures("ordinary_ctrl_c")
def test_ctrl_c_after_sigterm_is_the_first_one(tmp_path: Path) -> None:
    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        for number in (signal.SIGTERM, signal.SIGINT) if step == 1 else ():
            signal.raise_signal(number)

    with pytest.raises(SystemExit, match="143"):
        toy_trainer(tmp_path / "last.pt", hooks=Hooks(on_step=on_step)).fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2


def _sum_of_weights(model: torch.nn.Module) -> dict[str, float]:
    return {"mean_ap": float(sum(value.detach().double().sum() for value in model.parameters()))}


@pytest.mark.parametrize("end", [*ENDS, None], ids=["Ctrl-C", "SIGTERM", "kill"])
def test_before_and_in_an_evaluation_no_epoch_is_lost(tmp_path: Path, end: int | None) -> None:
    """After a signal the run leaves without the evaluation; resuming makes up for it, and the rows are equal."""
    path, settings = tmp_path / "last.pt", {"epochs": 2, "evaluate_every": 1, "save_every": 0}
    expected: list[dict[str, Any]] = []
    toy_trainer(hooks=Hooks(on_row=expected.append, evaluate=_sum_of_weights), **settings).fit()

    def killed(model: torch.nn.Module) -> dict[str, float]:
        assert end is None, "it is left out"
        raise KeyError

    rows: list[dict[str, Any]] = []
    hooks = Hooks(on_row=rows.append, evaluate=killed)
    if end is not None:
        hooks.on_step = _signal_at(BATCHES, end).on_step
    with pytest.raises(KeyError if end is None else ENDS[end]):  # type: ignore[arg-type]
        toy_trainer(path, hooks=hooks, **settings).fit()
    state = load_checkpoint(path)
    assert (state["epoch"], state["step"], rows) == (0, BATCHES, [])
    hooks = Hooks(on_row=rows.append, evaluate=_sum_of_weights)
    again = toy_trainer(path, model=toy_model(seed=1), hooks=hooks, **settings)
    again.resume()
    again.fit()
    assert all(row.pop("images_per_second") > 0 for row in (*rows, *expected))
    assert rows == expected


def test_outside_the_main_thread_nothing_is_caught() -> None:
    handlers = []

    def enter() -> None:
        with StopSignals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [before]
