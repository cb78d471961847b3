import io
import pickle
from pathlib import Path

import lmdb
import pytest
from PIL import Image

from resight.data.convert import luperson_lmdb
from resight.data.decode import open_image
from resight.errors import DataError

KEYS = ["00_01_0000_00000001", "00_00_0000_00000000", "03_00_0012_00000007"]


@pytest.fixture
def lup(odd_parent: Path) -> Path:
    odd_parent.mkdir()
    folder = odd_parent / "lmdb"
    buffer = io.BytesIO()
    Image.new("RGB", (4, 8), (255, 0, 0)).save(buffer, "PNG")
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for key in (*KEYS, "__keys__"):
            transaction.put(key.encode(), buffer.getvalue())
    return folder


def test_a_list_of_keys(lup: Path) -> None:
    for keys in (KEYS, tuple(KEYS), [key.encode() for key in KEYS], {"keys": KEYS}):
        (lup / "keys.pkl").write_bytes(pickle.dumps(keys))
        manifest = luperson_lmdb(lup)
        assert manifest.column("image").tolist() == [f"data.mdb#{key}" for key in KEYS]
        assert manifest.root == lup
        assert manifest.identities() == []
    assert open_image(manifest.image_path(0)).getpixel((0, 0)) == (255, 0, 0)
    assert manifest.validate(check_files=True) == []


def test_identities_where_there_are_some(lup: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps({"keys": KEYS, "pids": [4, 4, 9], "vids": [1, 2, 3]}))
    assert luperson_lmdb(lup, keys=tmp_path / "labels.pkl").column("pid").tolist() == ["4", "4", "9"]
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps({"keys": KEYS, "pids": [4, 4]}))
    with pytest.raises(DataError, match="expected 'pids' to be a list with an identity for each of 3 keys"):
        luperson_lmdb(lup, keys=tmp_path / "labels.pkl")


def test_home_is_understood(lup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some.pkl").write_bytes(pickle.dumps(KEYS[:1]))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(luperson_lmdb(lup, keys=Path("~/some.pkl"))) == 1


def test_without_a_list_and_in_one_file(lup: Path) -> None:
    assert luperson_lmdb(lup).column("image").tolist() == [f"data.mdb#{key}" for key in sorted(KEYS)]
    (lup / "data.mdb").rename(lup.parent / "crops.lmdb")
    manifest = luperson_lmdb(lup.parent / "crops.lmdb")
    assert manifest.column("image")[2] == f"crops.lmdb#{KEYS[2]}"


@pytest.mark.parametrize(
    ("content", "came"), [({"pids": []}, "a dictionary with 'pids'"), ("keys", "str"), ([], "list"), ([[1]], "list")]
)
def test_other_pickles(lup: Path, content: object, came: str) -> None:
    (lup / "keys.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=f"expected a pickled list of keys, or a dictionary with 'keys', came {came}"):
        luperson_lmdb(lup)


def test_no_lmdb(lup: Path, tmp_path: Path) -> None:
    for source in (tmp_path, lup.parent / "absent", lup / "lock.mdb" / "x"):
        with pytest.raises(DataError, match=r"expected an LMDB, a folder with data\.mdb or a file"):
            luperson_lmdb(source)
    with pytest.raises(DataError, match=r"absent\.pkl: expected a pickle"):
        luperson_lmdb(lup, keys=tmp_path / "absent.pkl")
    (tmp_path / "bad.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match=r"bad\.mdb cannot be opened as an LMDB"):
        luperson_lmdb(tmp_path / "bad.mdb")
