import json

from resight.models.weights import WeightReport

REPORT = WeightReport(
    "a.pth",
    "transreid",
    matched=("encoder.a", "encoder.b"),
    resized={"encoder.pos_embed": "14x14 -> 16x8"},
    fresh={"necks.0.x": "not in the file", "necks.1.x": "not in the file", "side": "6 in the file, 8 in the model"},
    left_out={f"head.{number}": "classifier" for number in range(6)},
    notes=("one thing",),
)


def test_one_line() -> None:
    assert REPORT.line() == "a.pth (transreid): 3 tensors taken, 1 of them resized, 3 fresh, 6 left out"


def test_names_are_grouped_by_what_became_of_them() -> None:
    assert REPORT.summary().splitlines()[1:] == [
        "  resized 14x14 -> 16x8: encoder.pos_embed",
        "  fresh, not in the file: necks.0.x, necks.1.x",
        "  fresh, 6 in the file, 8 in the model: side",
        "  left out, classifier: head.0, head.1, head.2, head.3, and 2 more",
        "  note: one thing",
    ]


def test_only_what_nobody_expects_is_a_misfit() -> None:
    assert REPORT.fits
    assert not WeightReport("a", "timm", missing=("x",)).fits
    assert not WeightReport("a", "timm", unexpected=("x",)).fits
    different = WeightReport("a", "timm", misfit={"x": "shape [1] in the file, [2] in the model"})
    assert not different.fits
    assert "  DIFFERENT: x (shape [1] in the file, [2] in the model)" in different.summary()


def test_as_json() -> None:
    content = json.loads(json.dumps(REPORT.to_json()))
    assert content["fits"]
    assert content["resized"] == {"encoder.pos_embed": "14x14 -> 16x8"}
    assert content["matched"] == ["encoder.a", "encoder.b"]
