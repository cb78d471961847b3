import os
import pickle
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from resight.data.plain_pickle import read_plain_pickle
from resight.errors import DataError

PLAIN = {"keys": ["a", "b"], "pids": (1, 2.5, None, True), 3: [b"x", {"人": []}]}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers(tmp_path: Path, protocol: int) -> None:
    content = PLAIN if protocol > 2 else {**PLAIN, 3: "bytes call a codec there"}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    assert read_plain_pickle(tmp_path / "a.pkl") == content


def test_text_of_python_2(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"(lp0\nS'00_00_0000_00000001'\np1\na.")
    assert read_plain_pickle(tmp_path / "a.pkl") == ["00_00_0000_00000001"]


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_nothing_is_called(tmp_path: Path) -> None:
    for content in (Evil(tmp_path / "called"), [Evil(tmp_path / "called")]):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match=r"a\.pkl: cannot be read as a plain pickle: it holds \w+\.mkdir"):
            read_plain_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("content", [np.zeros(2), {1, 2}, Counter("ab"), np.float64(1)], ids=type)
def test_objects_are_refused(tmp_path: Path, content: object) -> None:
    protocol = 2 if isinstance(content, set) else 4
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(DataError, match="only lists, dictionaries, text and numbers"):
        read_plain_pickle(tmp_path / "a.pkl")


def test_broken_files(tmp_path: Path) -> None:
    whole = pickle.dumps(PLAIN)
    rng = np.random.default_rng(0)
    for cut in range(len(whole)):
        changed = bytearray(whole)
        changed[cut] = int(rng.integers(256))
        for content in (whole[:cut], bytes(changed)):
            (tmp_path / "a.pkl").write_bytes(content)
            with suppress(DataError):  # a changed letter may still be a pickle; any other error fails
                read_plain_pickle(tmp_path / "a.pkl")
    with pytest.raises(DataError, match=r"absent\.pkl: expected a pickle"):
        read_plain_pickle(tmp_path / "absent.pkl")
