import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import resight
from resight.data.manifest import Manifest
from resight.errors import DataError, MemoryLimitError, ModelFormatError
from resight.inference import Embedder, unknown_names


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    result = []
    for number in range(5):
        result.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 255, (40, 20, 3), dtype=np.uint8)).save(result[-1])
    return result


def test_unit_vectors_the_same_from_any_kind_of_image(embedder: Embedder, paths: list[Path]) -> None:
    vectors = embedder.embed(paths)
    assert vectors.shape == (5, embedder.embedding_dim) == (5, 12)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    arrays = [np.asarray(Image.open(path)) for path in paths]
    kinds: list[Any] = [
        [str(path) for path in paths],
        tuple(paths),
        (path for path in paths),
        [path.read_bytes() for path in paths],
        [Image.open(io.BytesIO(path.read_bytes())) for path in paths],
        arrays,
        np.stack(arrays),
        Manifest.from_columns({"image": [path.name for path in paths]}, paths[0].parent),
    ]
    for images in kinds:
        np.testing.assert_array_equal(embedder.embed(images), vectors)


def test_one_image_is_one_row(embedder: Embedder, paths: list[Path]) -> None:
    expected = embedder.embed(paths[:1])
    array = np.asarray(Image.open(paths[0]))
    for image in (paths[0], str(paths[0]), paths[0].read_bytes(), Image.open(paths[0]), array):
        np.testing.assert_array_equal(embedder.embed(image), expected)


def test_none_at_all(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 12)


def test_batches_do_not_matter_and_progress_counts_images(embedder: Embedder, paths: list[Path]) -> None:
    seen: list[tuple[int, int]] = []
    vectors = embedder.embed(paths, batch_size=2, progress=lambda *counts: seen.append(counts))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    np.testing.assert_allclose(vectors, embedder.embed(paths), atol=1e-6)
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        embedder.embed(paths, batch_size=0)


def _by_hand(embedder: Embedder, path: Path, side: torch.Tensor) -> np.ndarray:
    """With that side information, whatever camera and view say."""
    table = embedder.model.encoder.side_information
    image = embedder.card.transform(Image.open(path).convert("RGB"))[None]
    original = type(table).forward
    try:
        type(table).forward = lambda self, batch, camera=None, view=None: self.coefficient * side.expand(batch, 1, -1)
        with torch.no_grad():
            return embedder.model(image).embedding.numpy()
    finally:
        type(table).forward = original


@pytest.mark.parametrize(
    ("camera", "view", "rows"),
    [
        ("1", "front", [0]),
        ("1", "rear", [1]),
        ("2", "front", [2]),
        ("2", "rear", [3]),
        (None, "front", [0, 2]),
        ("2", None, [2, 3]),
        ("9", "rear", [1, 3]),
        ("2", "side", [2, 3]),
        (None, None, [0, 1, 2, 3]),
        ("9", "side", [0, 1, 2, 3]),
    ],
)
def test_unknown_cameras_and_views_take_the_mean(
    embedder: Embedder, paths: list[Path], camera: str | None, view: str | None, rows: list[int]
) -> None:
    table = embedder.model.encoder.side_information.table.detach()
    expected = _by_hand(embedder, paths[0], table[rows].mean(0))
    np.testing.assert_allclose(embedder.embed(paths[0], cameras=[camera], views=[view]), expected, atol=1e-5)
    columns = {"image": [str(paths[0])], "camid": [camera], "viewid": [view]}
    manifest = Manifest.from_columns(columns, paths[0].parent)
    np.testing.assert_allclose(embedder.embed(manifest), expected, atol=1e-5)
    if camera is None and view is None:
        np.testing.assert_array_equal(embedder.embed(paths[0]), embedder.embed(manifest))


def test_names_that_the_model_does_not_know_are_told(
    embedder: Embedder, paths: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    columns = {
        "image": [path.name for path in paths],
        "camid": ["1", "01", "2", "02", None],
        "viewid": ["front", "rear", "side", None, None],
    }
    manifest = Manifest.from_columns(columns, paths[0].parent)
    vectors = embedder.embed(manifest)
    assert [record.getMessage() for record in caplog.records] == [
        "2 of 5 rows have a camera that the model does not know (01, 02; it knows 1, 2): "
        "they take the mean side information",
        "1 of 5 rows has a view that the model does not know (side; it knows front, rear): "
        "it takes the mean side information",
    ]
    assert unknown_names(manifest, replace(embedder.card, cameras=(), views=())) == []
    assert unknown_names(manifest.select(np.array([0, 4])), embedder.card) == []
    assert unknown_names(Manifest.from_columns({"image": ["0.png"]}, paths[0].parent), embedder.card) == []
    caplog.clear()
    np.testing.assert_array_equal(embedder.embed_rows(manifest), vectors)
    assert not caplog.records


def test_known_cameras_differ(embedder: Embedder, paths: list[Path]) -> None:
    vectors = [embedder.embed(paths[0], cameras=[camera])[0] for camera in ("1", "2", None)]
    distances = [np.linalg.norm(vectors[i] - vectors[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(distances) > 1e-3


def test_names_and_images_must_agree(embedder: Embedder, paths: list[Path]) -> None:
    with pytest.raises(DataError, match="cameras: expected one name for each of the 5 images"):
        embedder.embed(paths, cameras=["1"])
    with pytest.raises(DataError, match="views: expected one name for each of the 1 images"):
        embedder.embed(paths[0], views="front")
    manifest = Manifest.from_columns({"image": ["0.png"]}, paths[0].parent)
    with pytest.raises(DataError, match="a manifest brings its own cameras and views"):
        embedder.embed(manifest, cameras=["1"])


def test_flip_averages_both_sides(embedder: Embedder, paths: list[Path]) -> None:
    image = np.asarray(Image.open(paths[0]))
    both = embedder.embed(image) + embedder.embed(image[:, ::-1])
    expected = both / np.linalg.norm(both)
    np.testing.assert_allclose(embedder.embed(image, flip=True), expected, atol=1e-5)
    assert np.abs(embedder.embed(image) - expected).max() > 1e-4


def test_an_image_that_cannot_be_read_is_named(embedder: Embedder, paths: list[Path]) -> None:
    paths[3].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"cannot read the image .*3\.png"):
        embedder.embed(paths)
    with pytest.raises(DataError, match=r"image not found: .*9\.png"):
        embedder.embed(paths[0].parent / "9.png")
    with pytest.raises(DataError, match="uint8 array"):
        embedder.embed(np.zeros((4, 4, 3)))


def test_load(embedder: Embedder, folder: Path, paths: list[Path]) -> None:
    expected = embedder.embed(paths)
    for name in (folder, str(folder), folder.parent):
        model = resight.load(name, device="cpu")
        np.testing.assert_array_equal(model.embed(paths), expected)
        assert model.card.metrics == {"mean_ap": 0.5}


def test_load_expands_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resight.load("~/model").embedding_dim == 12


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[tuple[Any, ...]]:
    """No network: what would be fetched."""
    calls: list[tuple[Any, ...]] = []

    def fetch(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        calls.append((name, revision, tuple(allow_patterns)))
        if name == "owner/missing":
            raise ConnectionError("no route\nto the host")
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    return calls


def test_load_from_the_hub(hub: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert resight.load("owner/name", revision="v1").embedding_dim == 12
    assert hub == [("owner/name", "v1", ("card.json", "model.safetensors"))]
    with pytest.raises(
        ModelFormatError, match=r"no folder owner/missing \(the hub .*, ConnectionError\); check the path, or copy"
    ):
        resight.load("owner/missing")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelFormatError, match=r"no folder owner/missing \(HF_HUB_OFFLINE is set\); check the path"):
        resight.load("owner/missing")


def test_a_slip_in_the_name_of_a_run_never_goes_to_the_hub(
    hub: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(ModelFormatError, match=r"there is no folder runs/nowhere, and runs is here, so it is no id"):
        resight.load("runs/nowhere")
    assert not hub


@pytest.mark.parametrize("name", ["missing", "./runs/a", "/a", "a/b/c", "runs/", "~/x", "../a"])
def test_what_is_no_id_never_goes_to_the_hub(
    hub: list[tuple[Any, ...]], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no folder has such a name
    with pytest.raises(
        ModelFormatError, match=r"there is no folder .*; expected a model folder that exists, or the id"
    ):
        resight.load(name)
    assert not hub


def test_load_of_a_file(folder: Path, hub: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ModelFormatError, match=r"model\.safetensors is a file; pass the folder"):
        resight.load(folder / "model.safetensors")
    assert not hub


def test_out_of_memory_says_what_to_lower(
    embedder: Embedder, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedder, "_embedding", lambda batch, flip: torch.empty(2**60))
    with pytest.raises(MemoryLimitError, match="out of memory while embedding 5 images at a time; lower batch_size"):
        embedder.embed(paths)
