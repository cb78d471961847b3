import json

from resight.data import Manifest
from resight.data.statistics import statistics


def test_counts_of_the_tiny_manifest(tiny_manifest: Manifest) -> None:
    result = statistics(tiny_manifest)
    assert list(result.splits) == ["train", "query", "gallery"]
    train, query = result.splits["train"], result.splits["query"]
    assert (train.identities, train.images, train.cameras, train.views, train.junk) == (4, 16, 2, 0, 0)
    assert train.images_per_identity == (4, 4.0, 4)
    assert train.images_per_camera == {"1": 8, "2": 8}
    assert (query.identities, query.images) == (4, 8)
    assert result.total.images == 32
    assert result.total.identities == 8


def test_junk_unlabelled_and_unassigned(tiny_manifest: Manifest) -> None:
    pids = [None, None, *tiny_manifest.column("pid")[2:]]
    splits = [*tiny_manifest.column("split")[:-1], None]
    junk = [True] + [False] * 31
    changed = tiny_manifest.with_column("pid", pids).with_column("split", splits).with_column("junk", junk)
    changed = changed.with_column("viewid", ["front", "rear"] * 16).with_column("trackid", ["t"] * 32)
    result = statistics(changed)
    train = result.splits["train"]
    assert (train.images, train.junk, train.unlabelled, train.identities) == (15, 1, 1, 4)
    assert train.images_per_identity == (2, 4.0, 4)
    assert (train.views, train.tracks) == (2, 1)
    assert result.splits["unassigned"].images == 1


def test_empty_and_unlabelled_manifests(tiny_manifest: Manifest) -> None:
    nothing = statistics(tiny_manifest.select([]))
    assert nothing.splits == {}
    assert nothing.total.images_per_identity == (0, 0.0, 0)
    pool = Manifest.from_columns({"image": ["a", "b"]}, "/")
    assert statistics(pool).total.unlabelled == 2


def test_json(tiny_manifest: Manifest) -> None:
    data = json.loads(json.dumps(statistics(tiny_manifest).to_json()))
    assert data["splits"]["gallery"]["images_per_camera"] == {"1": 4, "2": 4}
    assert data["total"]["images_per_identity"] == [4, 4.0, 4]
