from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resight.recipes.ablation import ROWS, render_people, run_ablation, write_ablation_page
from resight.recipes.evaluation_set import Listener

TINY = [
    "model.shape={width: 12, depth: 2}",
    "model.image_size=[64, 32]",
    "model.jigsaw_shift=1",
    "sampler.ids_per_batch=2",
    "train.epochs=1",
]


def test_four_rows_one_page_and_a_second_call_trains_nothing(tmp_path: Path) -> None:
    def render() -> Path:
        return render_people(tmp_path / "people", train_ids=4, test_ids=2, seed=0, on_progress=lambda *_: None)

    names: list[str] = []
    steps: list[int] = []

    @contextmanager
    def display(epochs: int, name: str) -> Iterator[Listener]:
        assert epochs == 1
        names.append(name)
        yield Listener(on_step=lambda *numbers: steps.append(1))

    outcomes = run_ablation(render(), tmp_path / "runs", overrides=TINY, display=display)
    assert names == list(outcomes) == list(ROWS) == ["baseline", "+ JPM", "+ SIE", "TransReID"]
    sizes = [outcome.num_parameters for outcome in outcomes.values()]
    assert sizes[0] < sizes[2] < sizes[1] < sizes[3]
    assert len({outcome.numbers()["chance_mean_ap"] for outcome in outcomes.values()}) == 1
    page = write_ablation_page(tmp_path, outcomes).read_text(encoding="utf-8")
    assert all(name in page for name in ROWS)

    trained = len(steps)
    again = run_ablation(render(), tmp_path / "runs", overrides=TINY, display=display)
    assert len(steps) == trained > 0
    first, second = ([outcome.numbers() for outcome in each.values()] for each in (outcomes, again))
    assert first == second
