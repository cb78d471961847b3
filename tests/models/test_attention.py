"""The explicit weights against what timm's attention gives, and the roll-out against a loop written from the paper."""

import pytest
import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from timm.models.eva import EvaBlock
from timm.models.vision_transformer import Block
from torch.testing import assert_close

from resight.models import create_model
from resight.models.attention import attention_weights, branch_attention, has_attention
from resight.models.class_token import class_token_output
from resight.models.encoder import TransReIDEncoder
from resight.models.jigsaw import jigsaw_parts
from resight.models.side_information import SideInformation
from tests.models.tiny import SHAPE, TINY, images, shake, tiny_vit

DIM, HEADS = 24, 3
PARTS = jigsaw_parts(8, parts=3, shift=2)


def blocks():
    for settings in ({}, {"qkv_bias": True, "qk_norm": True}, {"scale_attn_norm": True, "init_values": 0.2}):
        yield Block(DIM, HEADS, **settings), None
    rope = RotaryEmbeddingDinoV3(DIM // HEADS, feat_shape=[4, 2]).get_embed()
    for fused in (True, False):
        yield EvaBlock(DIM, HEADS, qkv_fused=fused), None
        yield EvaBlock(DIM, HEADS, qkv_fused=fused, rotate_half=True), rope


@pytest.mark.parametrize("case", range(7))
def test_weights_and_values_give_what_the_attention_gives(case):
    block, rope = list(blocks())[case]
    attn = shake(block).eval().attn
    tokens = torch.randn(2, 9, DIM, generator=torch.Generator().manual_seed(3))
    weights, values = attention_weights(attn, tokens, rope)
    joined = (weights @ values).transpose(1, 2).flatten(2)
    expected = attn(tokens) if rope is None else attn(tokens, rope=rope)
    assert_close(attn.proj(attn.norm(joined)), expected, atol=1e-5, rtol=1e-5)
    assert_close(weights.sum(-1), torch.ones(2, HEADS, 9))


def encoder(**settings):
    side = SideInformation(2, 0, SHAPE.width)
    return shake(TransReIDEncoder(tiny_vit(), side_information=side, **settings).eval(), seed=5)


def rolled_out(model, part=None):
    """Image by image, from the definition: one sequence, one row of weights, a product of matrices."""
    tokens = model.embed(images(), torch.tensor([0, 1, -1]))
    found = []
    for one in tokens:
        one, product = one[None], torch.eye(9)
        for block in model.blocks:
            weights = attention_weights(block.attn, block.norm1(one))[0][0].mean(0)
            product = (0.5 * torch.eye(9) + 0.5 * weights) @ product
            one = block(one)
        kept = torch.arange(9) if part is None else torch.cat([torch.zeros(1, dtype=torch.long), part + 1])
        block = (model.global_branch if part is None else model.local_branch).block
        alone = attention_weights(block.attn, block.norm1(one[:, kept]))[0][0].mean(0)[0]
        row = torch.zeros(9)
        for token, weight in zip(kept, alone, strict=True):
            row[token] += weight
        total = ((0.5 * torch.eye(9)[0] + 0.5 * row) @ product)[1:]
        found.append((total / total.sum(), row[1:] / row[1:].sum()))
    return (torch.stack(side).view(3, 4, 2).detach() for side in zip(*found, strict=True))


@pytest.mark.parametrize("parts", [None, PARTS], ids=["global", "parts"])
def test_equals_the_definition(parts):
    model = encoder(parts=parts)
    found = branch_attention(model, images(), torch.tensor([0, 1, -1]))
    for branch, part in enumerate([None, *(PARTS if parts is not None else [])]):
        rollout, last = rolled_out(model, part)
        assert_close(found.rollout[:, branch], rollout, atol=1e-5, rtol=1e-4)
        assert_close(found.last[:, branch], last, atol=1e-5, rtol=1e-4)
        expected = torch.ones(8) if part is None else torch.zeros(8).index_fill(0, part, 1)
        assert_close(found.seen[branch].float().flatten(), expected)


def test_no_weight_on_what_a_part_does_not_see():
    model = encoder(parts=PARTS)
    found = branch_attention(model, images())
    outside = ~found.seen.expand_as(found.last)
    assert outside.any()
    assert found.last[outside].eq(0).all()
    assert found.rollout.gt(0).all()


def test_the_last_row_is_the_one_that_the_branch_uses():
    model = encoder()
    block = model.global_branch.block
    block.mlp.fc2.weight.data.zero_()
    block.mlp.fc2.bias.data.zero_()
    tokens = model.trunk(model.embed(images()))
    weights, values = attention_weights(block.attn, block.norm1(tokens))
    joined = (weights[:, :, :1] @ values).transpose(1, 2).flatten(1)
    assert_close(tokens[:, 0] + block.attn.proj(joined), class_token_output(block, tokens), atol=1e-5, rtol=1e-5)
    mean = weights.mean(1)[:, 0, 1:]
    assert_close(branch_attention(model, images()).last.flatten(1), mean / mean.sum(1, keepdim=True))


def test_which_encoders_have_it():
    assert has_attention(create_model("vit_nano", num_classes=2, jigsaw=True, jigsaw_parts=2, **TINY).encoder)
    pooled = create_model("vit_nano", num_classes=2, pooling="average", **TINY).encoder
    assert not has_attention(pooled)
    with pytest.raises(ValueError, match="read the class token"):
        branch_attention(pooled, images())
