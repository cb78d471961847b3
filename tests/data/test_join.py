from pathlib import Path

import pytest

from resight.data.dataset import Vocabulary
from resight.data.join import join
from resight.data.manifest import Manifest
from resight.errors import DataError


def make(root: Path, prefix: str, **columns: list[object]) -> Manifest:
    count = len(next(iter(columns.values())))
    return Manifest.from_columns({"image": [f"{prefix}{number}.jpg" for number in range(count)], **columns}, root)


@pytest.fixture
def market(tmp_path: Path) -> Manifest:
    columns = {
        "pid": ["0002", "0007", "0001", "0001", None],
        "camid": ["1", "6", "1", "2", "3"],
        "split": ["train", "train", "query", "gallery", "gallery"],
        "junk": [False] * 4 + [True],
        "sequence": [1, 2, 3, 4, 5],
    }
    return make(tmp_path / "market", "m", **columns)


@pytest.fixture
def msmt(tmp_path: Path) -> Manifest:
    columns = {
        "pid": ["train_0000", "train_0001", "test_0000", "test_0000"],
        "camid": ["2", "15", "1", "2"],
        "split": ["train", "train", "query", "gallery"],
        "box_x": [1, None, None, None],
        "box_y": [1, None, None, None],
        "box_w": [5, None, None, None],
        "box_h": [5, None, None, None],
    }
    return make(tmp_path / "msmt", "s", **columns)


def test_identities_and_cameras_are_distinct(market: Manifest, msmt: Manifest, tmp_path: Path) -> None:
    joined = join({"market": market, "msmt17": msmt})
    assert len(joined) == 9
    assert joined.column("dataset").tolist() == ["market"] * 5 + ["msmt17"] * 4
    assert joined.column("pid").tolist()[:6] == [*(f"market/{pid}" for pid in ("0002", "0007", "0001", "0001")), None,
                                                 "msmt17/train_0000"]  # fmt: skip
    assert joined.column("camid").tolist()[:5] == ["market/1", "market/6", "market/1", "market/2", "market/3"]
    assert joined.column("camid").tolist()[5:] == ["msmt17/02", "msmt17/15", "msmt17/01", "msmt17/02"]
    assert joined.column("split").tolist()[5:] == ["train", "train", "query", "gallery"]
    assert joined.column("junk").tolist() == [False] * 4 + [True] + [False] * 4
    assert joined.column("sequence").tolist()[:5] == [1, 2, 3, 4, 5]
    assert joined.box(5) == (1, 1, 5, 5)
    assert joined.image_path(0) == market.image_path(0)
    assert joined.image_path(8) == msmt.image_path(3)
    joined.write(tmp_path / "joined.csv")
    assert Manifest.read(tmp_path / "joined.csv").column("image").tolist()[5] == "msmt/s0.jpg"


def test_the_offset_rule_of_transreid_ssl(market: Manifest, msmt: Manifest) -> None:
    """Its set `mm`: MSMT17 first, then Market with labels and cameras counted on; test on Market."""
    joined = join({"1_msmt17": msmt, "2_market": market}, test=["2_market"])
    train = joined.split("train")
    words = Vocabulary.of(train)
    assert train.codes("pid", words.identities).tolist() == [0, 1, 2, 3]
    assert train.codes("camid", words.cameras).tolist() == [0, 1, 2, 3]
    assert set(joined.split("query").column("dataset")) == {"2_market"}
    assert len(joined.split("gallery", keep_junk=True)) == 2


def test_order_of_numbers_stays(tmp_path: Path) -> None:
    one = make(tmp_path, "a", pid=["2", "10", "9"], camid=["10", "9", None], trackid=["t1", "t10", "t9"])
    two = make(tmp_path, "b", pid=["x", "1", None], camid=["1", "2", "3"])
    joined = join({"one": one, "two": two})
    assert joined.identities() == ["one/02", "one/09", "one/10", "two/1", "two/x"]
    assert joined.cameras()[:2] == ["one/09", "one/10"]
    assert joined.column("trackid").tolist() == ["one/t1", "one/t10", "one/t9", None, None, None]


def test_joined_sets_join_again(market: Manifest, msmt: Manifest) -> None:
    first = join({"market": market, "msmt17": msmt})
    both = join({"people": first, "other": Manifest(market.table, "/elsewhere")})
    assert sorted(set(both.column("dataset"))) == ["other", "people/market", "people/msmt17"]
    assert "people/market/0002" in both.identities()


def test_errors(market: Manifest, msmt: Manifest) -> None:
    with pytest.raises(DataError, match="expected two data sets or more, came 1"):
        join({"market": market})
    for name in ("", "a/b"):
        with pytest.raises(DataError, match="name must not be empty or hold a slash"):
            join({name: market, "x": msmt})
    with pytest.raises(DataError, match="no data set duke to test on; there are market, msmt17"):
        join({"market": market, "msmt17": msmt}, test=["duke"])
    with pytest.raises(DataError, match=r"join of one, two: do two .* the same crop.*every image and box once"):
        join({"one": market, "two": market})
    with pytest.raises(DataError, match="differ in type"):
        join({"market": market, "msmt17": msmt.with_column("sequence", [["list"]] * 4)})
