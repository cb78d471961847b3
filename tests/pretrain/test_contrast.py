import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from resight.errors import TrainingError
from resight.pretrain.contrast import batch_contrast, queue_contrast
from resight.pretrain.queue import KeyQueue


def test_queue_loss_by_its_definition() -> None:
    q, k, n = (F.normalize(torch.randn(size, 5), dim=1) for size in (3, 3, 7))
    own, others = ((q * k).sum(1) / 0.2).exp(), (q @ n.t() / 0.2).exp().sum(1)
    assert_close(queue_contrast(q, k, n, 0.2), -(own / (own + others)).log().mean())


def test_batch_loss_of_a_second_process() -> None:
    """Its own keys stand behind those of the first."""
    q, keys = torch.randn(2, 5), torch.randn(4, 5)
    similarity = F.normalize(q, dim=1) @ F.normalize(keys, dim=1).t() / 0.5
    expected = 2 * 0.5 * F.cross_entropy(similarity, torch.tensor([2, 3]))
    assert_close(batch_contrast(q, keys, 0.5, first=2), expected)


def test_keys_get_no_gradient() -> None:
    q, k = (torch.randn(3, 5, requires_grad=True) for _ in range(2))
    (queue_contrast(q, k, torch.randn(4, 5), 0.2) + batch_contrast(q, k, 0.2)).backward()
    assert q.grad is not None
    assert k.grad is None


def test_a_queue_forgets_the_oldest() -> None:
    queue = KeyQueue(6, 2)
    assert_close(queue.keys.norm(dim=1), torch.ones(6))
    for number in range(4):
        queue.put(torch.full((2, 2), float(number)))
    assert queue.keys[:, 0].tolist() == [3, 3, 1, 1, 2, 2]
    assert queue.place == 2


def test_a_queue_that_wraps() -> None:
    queue = KeyQueue(5, 1, wraps=True)
    for number in range(2):
        queue.put(torch.arange(3.0)[:, None] + 10 * number)
    assert queue.keys[:, 0].tolist() == [12, 1, 2, 10, 11]
    assert queue.place == 1


@pytest.mark.parametrize(("wraps", "count"), [(False, 4), (False, 11), (True, 11)])
def test_a_batch_that_does_not_fit_the_queue(wraps: bool, count: int) -> None:
    with pytest.raises(TrainingError, match=rf"a queue of 10 keys cannot be filled by batches of {count} images"):
        KeyQueue(10, 2, wraps=wraps).check(count)


def test_an_empty_queue() -> None:
    with pytest.raises(ValueError, match="1 key or more"):
        KeyQueue(0, 4)
