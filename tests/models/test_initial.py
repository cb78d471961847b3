import pytest
import torch
from timm.models.vision_transformer import Block
from torch.testing import assert_close

from resight.models.initial import mimic_trained_attention, sincos_positions


def test_positions_tell_rows_from_columns():
    table = sincos_positions((4, 3), 16).view(4, 3, 16)
    assert torch.equal(table[1, :, :8], table[1, :1, :8].expand(3, -1)), "the first half is the row"
    assert torch.equal(table[:, 2, 8:], table[:1, 2, 8:].expand(4, -1)), "the second half is the column"
    assert len(torch.unique(table.view(12, 16), dim=0)) == 12
    assert_close(table[2, 0, 0], torch.tensor(2.0).sin())
    assert_close(table[0, 2, 12], torch.tensor(2.0).cos())
    assert table.abs().max() <= 1


def test_width_of_positions():
    with pytest.raises(ValueError, match="divisible by 4, not 18"):
        sincos_positions((2, 2), 18)


def test_the_diagonal_of_the_products_stands_out():
    torch.manual_seed(0)
    dim, heads = 48, 2
    attention = Block(dim, heads, qkv_bias=True).attn
    mimic_trained_attention(attention)
    query, key, value = attention.qkv.weight.detach().split(dim)
    for head in range(heads):
        rows = slice(head * dim // heads, (head + 1) * dim // heads)
        assert (query[rows].t() @ key[rows]).diagonal().mean() > 0.3
    product = attention.proj.weight.detach() @ value
    off = product - torch.diag(product.diagonal())
    assert product.diagonal().mean().item() == pytest.approx(-0.4, abs=0.06)
    assert off.std().item() == pytest.approx(0.4 / dim**0.5, rel=0.1)
