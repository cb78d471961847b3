import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resight.data.transforms import EvalTransform
from resight.errors import DataError
from resight.filtering.codes import WIDTH, CodeWriter, encode, projection, read_codes
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import ScoreBatch

TRANSFORM = EvalTransform((2, 1))


def features(count, width, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def cosines(vectors):
    unit = F.normalize(vectors.float(), dim=1)
    return unit @ unit.T


def batch_of(rows, vectors):
    batch = ScoreBatch(np.array(rows), {((2, 1), TRANSFORM.interpolation): torch.zeros(len(rows), 3, 2, 1)}, {})
    return batch, FeatureSpace("given", lambda images: vectors, TRANSFORM, "0")


def test_directions_are_at_right_angles_and_always_the_same():
    directions = projection(300)
    torch.testing.assert_close(directions.T @ directions, torch.eye(WIDTH), atol=1e-5, rtol=0)
    assert torch.equal(directions, projection(300))


def test_narrow_features_keep_their_cosines():
    vectors = features(50, 96) * torch.rand(50, 1, generator=torch.Generator().manual_seed(1)).add(0.1)
    codes = encode(vectors, None)
    assert codes.shape == (50, WIDTH)
    assert codes.dtype == torch.int8
    torch.testing.assert_close(cosines(codes), cosines(vectors), atol=0.01, rtol=0)


def test_wide_features_keep_small_distances():
    near = features(400, 384)
    others = F.normalize(near, dim=1) + 0.006 * features(400, 384, seed=1)
    exact = 1 - F.cosine_similarity(near, others)
    directions = projection(384)
    one, other = (encode(vectors, directions).float() for vectors in (near, others))
    ratio = (1 - F.cosine_similarity(one, other)) / exact
    assert ratio.mean() == pytest.approx(1, abs=0.05)
    assert ratio.std() < 1 / 6


def test_scale_and_zero():
    vectors = features(3, 384)
    vectors[1] = 0
    directions = projection(384)
    assert torch.equal(encode(vectors, directions), encode(1000 * vectors, directions))
    assert not encode(vectors, directions)[1].any()


@pytest.mark.parametrize("width", [96, 384])
def test_rows_come_to_their_place_whoever_writes_them(tmp_path, width):
    vectors = features(10, width)
    path = tmp_path / "codes.bin"
    for rows in ([0, 1, 2], [5, 6, 8], [9]):  # row 3, 4 and 7 are damaged or another process's
        batch, space = batch_of(rows, vectors[rows])
        writer = CodeWriter(space, path, 10)
        assert writer(batch) == {}
        writer.close()
    codes = read_codes(path, 10)
    expected = encode(vectors, projection(width) if width > WIDTH else None).numpy()
    expected[[3, 4, 7]] = 0
    np.testing.assert_array_equal(codes, expected)


def test_codes_of_another_pool_and_none(tmp_path):
    path = tmp_path / "codes.bin"
    with pytest.raises(DataError, match="no such file"):
        read_codes(path, 3)
    batch, space = batch_of([0], features(1, 8))
    writer = CodeWriter(space, path, 4)
    writer(batch)
    writer.close()
    with pytest.raises(DataError, match=r"codes of 3 images .* it has 512 bytes"):
        read_codes(path, 3)


def test_a_writer_for_a_smaller_pool_takes_nothing_away(tmp_path):
    path = tmp_path / "codes.bin"
    vectors = features(4, 8)
    batch, space = batch_of([0, 1, 2, 3], vectors)
    writer = CodeWriter(space, path, 4)
    writer(batch)
    writer.close()
    CodeWriter(space, path, 2).close()
    other = CodeWriter(space, path, 2)
    with pytest.raises(DataError, match=r"codes of 2 images, but it has those of 4"):
        other(batch_of([0], vectors[:1])[0])
    np.testing.assert_array_equal(read_codes(path, 4), encode(vectors, None).numpy())
