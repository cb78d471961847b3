import pyarrow as pa

from resight.data.shards.originals import are_packed, original_images

PACKED = "shards/00000.tar#512+99/000000007.jpg"


def originals(images: list[str], source: pa.Array | None) -> list[str]:
    table = pa.table({"image": pa.array(images, pa.large_string())})
    return original_images(table if source is None else table.append_column("source", source)).to_pylist()


def test_images_of_shards_have_their_paths_before_packing() -> None:
    source = pa.array(["a/7.jpg", None, "a/9.jpg"])
    assert originals([PACKED, PACKED, "data.mdb#key"], source) == ["a/7.jpg", PACKED, "data.mdb#key"]
    assert originals([PACKED, PACKED, PACKED], source.dictionary_encode())[0] == "a/7.jpg"


def test_a_column_of_the_user_is_no_path() -> None:
    assert originals(["1.jpg", "2.jpg"], pa.array(["market", "duke"])) == ["1.jpg", "2.jpg"]
    assert originals([PACKED], pa.array([3])) == [PACKED]
    assert originals([PACKED], None) == [PACKED]


def test_a_column_of_numbers_says_nothing_of_packing() -> None:
    table = pa.table({"image": pa.array([PACKED], pa.large_string())})
    assert are_packed(table.append_column("source", pa.array(["a/7.jpg"])))
    assert not are_packed(table.append_column("source", pa.array([3])))
