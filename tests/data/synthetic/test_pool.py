"""The unlabelled pool: its manifest, its junk, the same bytes for the same arguments."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from resight.data.synthetic import JUNK_KINDS, write_pool

SIZE = (64, 32)


def test_manifest_tells_the_truth(tmp_path: Path) -> None:
    path = write_pool(tmp_path, images=30, junk_share=0.4, image_size=SIZE)
    table = pq.read_table(path)
    assert path == tmp_path / "manifest.parquet"
    assert table.column_names == ["image", "camid", "split", "pid", "junk_kind"]
    assert {str(field.type) for field in table.schema} == {"string"}
    rows = table.to_pylist()
    assert Counter(row["junk_kind"] for row in rows) == {None: 18, **dict.fromkeys(JUNK_KINDS, 3)}
    assert {row["split"] for row in rows} == {"train"}
    assert {row["pid"] for row in rows} == {None}
    assert {row["camid"] for row in rows} <= {"1", "2", "3", "4", "5", "6"}
    for row in rows:
        with Image.open(tmp_path / row["image"]) as image:
            assert (image.size == (32, 64)) == (row["junk_kind"] != "wrong_aspect")


@pytest.mark.parametrize(("images", "share"), [(7, 0.0), (7, 1.0), (9, 0.35), (1, 0.4)])
def test_junk_share_is_exact(tmp_path: Path, images: int, share: float) -> None:
    kinds = pq.read_table(write_pool(tmp_path, images=images, junk_share=share, image_size=SIZE))["junk_kind"]
    assert len(kinds) - kinds.null_count == round(images * share)


def test_same_arguments_give_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_pool(tmp_path / name, images=12, image_size=SIZE, seed=3)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 14  # images, manifest, stamp
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_sub_folder_holds_1000_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resight.data.synthetic.pool._IMAGES_PER_FOLDER", 4)
    write_pool(tmp_path, images=6, image_size=(32, 32))
    assert [len(list(folder.iterdir())) for folder in sorted((tmp_path / "images").iterdir())] == [4, 2]


def test_a_complete_pool_is_left_as_it_is(tmp_path: Path) -> None:
    path = write_pool(tmp_path, images=3, image_size=(32, 32))
    calls: list[int] = []
    assert write_pool(tmp_path, images=3, image_size=(32, 32), progress=lambda done, _: calls.append(done)) == path
    assert calls == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", 0),
        ("junk_share", -0.1),
        ("junk_share", 1.1),
        ("junk_share", float("nan")),
        ("cameras", 1),
        ("image_size", (16, 16)),
        ("seed", -1),
    ],
)
def test_a_bad_argument_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    arguments = {"images": 3, name: value}
    with pytest.raises(ValueError, match=name):
        write_pool(tmp_path, **arguments)
