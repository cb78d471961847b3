import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform
from resight.errors import DataError
from resight.inference import Attention, Embedder, ModelCard, attention_maps
from resight.models import create_model
from tests.models.tiny import IMAGE_SIZE, TINY, shake


def embedder(**settings: object) -> Embedder:
    model = shake(create_model("vit_nano", num_classes=0, num_cameras=2, **{**TINY, **settings}))
    transform = EvalTransform(IMAGE_SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return Embedder(model, ModelCard("vit_nano", {}, transform, cameras=("1", "2")), device="cpu")


def test_maps_of_rows(tiny_manifest: Manifest) -> None:
    model = embedder(jigsaw=True, jigsaw_parts=2, jigsaw_shift=2)
    found = attention_maps(model, tiny_manifest.select(range(5)), batch_size=2)
    assert found is not None
    assert found.branches == ("CLS", "JPM part 1", "JPM part 2")
    assert found.rollout.shape == found.last.shape == (5, 3, 4, 2)
    assert found.seen.sum((1, 2)).tolist() == [8, 4, 4]
    assert found.rollout.sum((2, 3)) == pytest.approx(np.ones((5, 3)), abs=1e-5)
    one = attention_maps(model, tiny_manifest.select([3]))
    assert one is not None
    assert one.rollout[0] == pytest.approx(found.rollout[3], abs=1e-5)


def test_the_camera_counts(tiny_manifest: Manifest) -> None:
    model, row = embedder(), tiny_manifest.select([0])
    plain, other = (attention_maps(model, row.with_column("camid", [name])) for name in ("1", "2"))
    assert plain is not None
    assert other is not None
    assert np.abs(plain.rollout - other.rollout).max() > 1e-4


def test_and_back_from_json(tiny_manifest: Manifest) -> None:
    found = attention_maps(embedder(jigsaw=True, jigsaw_parts=2), tiny_manifest.select([0, 1]))
    assert found is not None
    again = Attention.from_json(found.to_json())
    assert again.branches == found.branches
    assert (again.seen == found.seen).all()
    assert again.last == pytest.approx(found.last, abs=1e-6)


def test_other_nets_have_none(tiny_manifest: Manifest) -> None:
    model = embedder(pooling="average")
    assert attention_maps(model, tiny_manifest.select([0])) is None
    with pytest.raises(DataError, match="at least one row"):
        attention_maps(model, tiny_manifest.select([]))
