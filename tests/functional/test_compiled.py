import numpy as np
import pytest
import torch

from resight.functional.compiled import compiled, row_threads


@compiled
def double(values, start, stop):
    for row in range(start, stop):
        values[row] += values[row]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("total", [0, 1, 7, 1000])
def test_every_row_is_done_once(threads, total):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    values = np.arange(total, dtype=np.float32)
    try:
        with row_threads() as run:
            run(double, total, values)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(values, 2 * np.arange(total, dtype=np.float32))


def test_an_error_on_a_thread_arrives():
    def fails(start, stop):
        raise ValueError("on a thread")

    with pytest.raises(ValueError, match="on a thread"), row_threads() as run:
        run(fails, 10)


def test_a_kernel_compiles_where_no_cache_can_be_written(monkeypatch):
    import resight.functional.compiled as module

    real = module.njit

    def njit(*signature, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*signature, **options)

    monkeypatch.setattr(module, "njit", njit)
    values = np.ones(3, dtype=np.float32)
    compiled(lambda array, start, stop: array.fill(start + stop))(values, 0, 3)
    assert values.tolist() == [3, 3, 3]
