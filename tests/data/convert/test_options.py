from pathlib import Path

import pytest

from resight.data import convert as package
from resight.data.convert import CONVERTERS
from resight.data.convert.options import convert, describe_options, parse_options
from resight.data.manifest import Manifest
from resight.errors import DataError


def probe(
    folder: Path, *, size: int = 8, strict: bool = True, place: Path | None = None, progress: object = None
) -> Manifest:
    """Hands its options back."""
    values = {"size": [str(size)], "strict": [str(strict)], "place": [repr(place)], "told": [str(progress is not None)]}
    return Manifest.from_columns({"image": ["a"], **values}, folder)


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONVERTERS, "probe", probe)


def given(options: dict[str, object] | None = None, **settings: object) -> list[str]:
    manifest = convert("probe", Path("/"), options, **settings)
    return [str(manifest.column(name)[0]) for name in ("size", "strict", "place", "told")]


def test_every_file_with_a_function_of_its_name_is_registered() -> None:
    files = {file.stem for file in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name for name in files if callable(getattr(package, name, None))} == set(CONVERTERS) - {"probe"}
    assert all(function.__name__ == name for name, function in CONVERTERS.items())
    assert set(package.__all__) - {"CONVERTERS"} == set(CONVERTERS) - {"probe"}


def test_text_becomes_the_type_of_the_signature() -> None:
    assert given() == ["8", "True", "None", "False"]
    assert given({"size": "12", "strict": "false", "place": "x/y"}) == ["12", "False", repr(Path("x/y")), "False"]
    assert given({"size": 12, "strict": False, "place": Path("x/y")}) == ["12", "False", repr(Path("x/y")), "False"]
    assert given(progress=lambda done, total: None)[3] == "True"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "many"}, "option size of the converter probe: .*integer.*came 'many'"),
        ({"strict": "perhaps"}, "option strict .*came 'perhaps'"),
        ({"stict": "true"}, r"probe has no option stict; did you mean strict\?"),
        ({"colour": "red"}, "no option colour; it has size, strict, place"),
        ({"progress": "1"}, "no option progress"),
        ({"folder": "x"}, "no option folder"),
    ],
)
def test_bad_options(options: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        given(options)


def test_nothing_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("image_id,identity,path\n")
    with pytest.raises(DataError, match="the converter wildlife found no rows"):
        convert("wildlife", tmp_path)


def test_real_converters(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no converter 'msmt18'; did you mean msmt17\?"):
        convert("msmt18", tmp_path)
    with pytest.raises(DataError, match="the converter image_folder has no option x; it has none"):
        convert("image_folder", tmp_path, {"x": "1"})
    with pytest.raises(DataError, match=r"option crops of the converter cuhk03_np: .*'labeled' or 'detected'.*'hand'"):
        convert("cuhk03_np", tmp_path, {"crops": "hand"})
    (tmp_path / "a.csv").write_text("file,who\na.jpg,7\n")
    manifest = convert("csv_table", tmp_path / "a.csv", {"columns": {"image": "file", "pid": "who"}})
    assert manifest.column("pid").tolist() == ["7"]


def test_parse() -> None:
    assert parse_options(["strict=false", "columns.pid=who=what", "columns.image=a.b", "root="]) == {
        "strict": "false",
        "columns": {"pid": "who=what", "image": "a.b"},
        "root": "",
    }


@pytest.mark.parametrize("texts", [["strict"], ["=x"], ["columns.=x"], [".pid=x"], ["a=1", "a=2"], ["a.b=1", "a=2"]])
def test_bad_texts(texts: list[str]) -> None:
    with pytest.raises(DataError, match=r"expected an option KEY=VALUE|is given twice"):
        parse_options(texts)


def test_described() -> None:
    assert describe_options("probe") == ["size=8", "strict=true", "place=PATH"]
    assert describe_options("cuhk03_np") == ["crops=labeled|detected (detected)", "strict=true"]
    assert describe_options("csv_table")[0] == "columns.NAME=..."
    for name in CONVERTERS:
        describe_options(name)
