import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool
from resight.data.transforms import EvalTransform
from resight.errors import DataError
from resight.filtering import nearest
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.nearest import NearestTarget, nearest_cosine, target_features
from resight.filtering.scorer import ScoreBatch
from resight.filtering.scoring import PassSettings

TRANSFORM = EvalTransform((4, 2))


def rows(count, width=6, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def mean_colors(images):
    return images.mean((2, 3))


def pool_of(folder, colors):
    folder.mkdir()
    names = []
    for place, color in enumerate(colors):
        names.append(f"{place}.png")
        if color is None:
            (folder / names[-1]).write_bytes(b"no image")
        else:
            Image.new("RGB", (5, 7), color).save(folder / names[-1])
    return ManifestPool(Manifest.from_columns({"image": names}, root=folder))


@pytest.mark.parametrize("columns", [3, 8192])
def test_equals_a_slow_loop(monkeypatch, columns):
    monkeypatch.setattr(nearest, "_COLUMNS", columns)
    features, targets = rows(7) * 5, F.normalize(rows(10, seed=1), dim=1)
    slow = [max(float(F.cosine_similarity(one, other, dim=0)) for other in targets) for one in features]
    torch.testing.assert_close(nearest_cosine(features, targets), torch.tensor(slow))


def test_a_target_itself_has_one_and_never_more():
    targets = F.normalize(rows(200), dim=1)
    found = nearest_cosine(3 * targets, targets)
    torch.testing.assert_close(found, torch.ones(200))
    assert found.max() <= 1


@pytest.mark.parametrize(("features", "targets"), [((3, 4), (2, 5)), ((3, 4), (0, 4)), ((4,), (2, 4))])
def test_what_does_not_fit(features, targets):
    with pytest.raises(ValueError, match="same model"):
        nearest_cosine(torch.ones(features), torch.ones(targets))


def test_target_features_leave_damaged_images_out(tmp_path, caplog):
    space = FeatureSpace("colors", mean_colors, TRANSFORM, "0")
    pool, settings = pool_of(tmp_path / "a", [(255, 0, 0), None, (0, 255, 0), (0, 0, 255)]), PassSettings(batch_size=2)
    found = target_features(space, pool, settings)
    expected = F.normalize(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]]), dim=1)
    torch.testing.assert_close(found, expected)
    assert "1.png" in caplog.text
    with pytest.raises(DataError, match="not one image of the target"):
        target_features(space, pool_of(tmp_path / "c", [None]), settings)


def test_a_worker_and_damaged_batches_change_nothing(tmp_path):
    space = FeatureSpace("colors", mean_colors, TRANSFORM, "0")
    pool = pool_of(tmp_path / "a", [None, None, (255, 0, 0), (9, 90, 0), (0, 255, 0)])
    one, other = (target_features(space, pool, PassSettings(batch_size=2, workers=workers)) for workers in (0, 1))
    assert one.shape == (3, 3)
    assert torch.equal(one, other)


def test_as_a_scorer():
    space = FeatureSpace("colors", mean_colors, TRANSFORM, "0")
    pixels = torch.zeros(2, 3, 4, 2, dtype=torch.uint8)
    pixels[0, 0], pixels[1, 2] = 255, 255
    batch = ScoreBatch(np.arange(2), {((4, 2), TRANSFORM.interpolation): pixels}, {})
    scorer = NearestTarget(space, F.normalize(torch.tensor([[1.0, -1, -1], [1, 1, 1]]), dim=1))
    scores = scorer(batch)
    assert tuple(scores) == scorer.columns == ("nearest",)
    torch.testing.assert_close(scores["nearest"], torch.tensor([1.0, -1 / 3]))
    assert scorer.about["targets"] == 2
