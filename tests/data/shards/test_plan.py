import pytest

from resight.data.manifest import Manifest
from resight.data.shards.plan import Plan
from resight.errors import DataError


def test_rows_and_keys(crops: Manifest) -> None:
    plan = Plan.of(crops, 10)
    assert [list(plan.rows(shard)) for shard in range(len(plan))] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 24)),
    ]
    assert (plan.shard_name(12), plan.key(7)) == ("00012.tar", "000000007")
    own = crops.with_column("key", [f"人/{row}" for row in range(24)])
    assert Plan.of(own, 10).key(7) == "人/7"


def test_the_fingerprint_says_what_is_packed_and_how(crops: Manifest) -> None:
    same = Plan.of(crops, 10).fingerprint
    assert Plan.of(Manifest(crops.table.drop(["camid", "score"]), "/elsewhere"), 10).fingerprint == same
    boxed = crops
    for name in ("box_x", "box_y", "box_w", "box_h"):
        boxed = boxed.with_column(name, [1.0, *[None] * 23])
    keyed = crops.with_column("key", [f"k{row}" for row in range(24)])
    others = [Plan.of(crops, 9), Plan.of(crops.select(range(23)), 10), Plan.of(crops.select([1, 0, *range(2, 24)]), 10)]
    prints = {plan.fingerprint for plan in (*others, Plan.of(boxed, 10), Plan.of(keyed, 10))}
    assert len(prints | {same}) == 6


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a", "b", "a", "b"], "row 2 has 'a' again"),
        (["a", "b", "c", None], "expected a text in every row, came string, 1 empty"),
        ([1, 2, 3, 4], "expected a text in every row, came int64"),
        (["a", "b.c", "..", "e"], "without dots, came 'b.c' and 1 more"),
        (["a", "/b", "c", "d"], "came '/b' and 0 more"),
        (["a", "b\n", "c", ""], r"came 'b\\n' and 1 more"),
        (["a", "ä" * 46, "c", "d"], "at most 90 bytes"),
    ],
)
def test_keys_that_cannot_be(crops: Manifest, keys: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Plan.of(crops.select(range(4)).with_column("key", keys), 10)


def test_nothing_and_twice_the_same(crops: Manifest) -> None:
    with pytest.raises(DataError, match="no rows, so there is nothing to pack"):
        Plan.of(crops.select([]), 10)
    with pytest.raises(DataError, match=r"every image and box once, came '00\.jpg' \(row 1\)"):
        Plan.of(crops.select([0, 0]), 10)
    with pytest.raises(ValueError, match="expected 1 or more, came 0"):
        Plan.of(crops, 0)
