"""The short cut against the whole block: timm's own forward, of which token 0 is read."""

from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from timm.models.eva import EvaBlock
from timm.models.vision_transformer import Block, ParallelScalingBlock, ResPostBlock
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from resight.models.backbones import _ScaleQuery
from resight.models.class_token import ClassTokenBranch, class_token_output
from tests.models.tiny import shake

DIM, HEADS = 24, 3
PARTS = torch.tensor([[1, 5, 2], [8, 3, 4], [6, 7, 1], [2, 2, 2]])


def block(**settings: object) -> Block:
    return shake(Block(DIM, HEADS, **{"qkv_bias": True, **settings})).eval()


def tokens() -> torch.Tensor:
    return torch.randn(2, 9, DIM, generator=torch.Generator().manual_seed(3)).requires_grad_()


def whole(the_block: Block, sequence: torch.Tensor, parts: torch.Tensor | None) -> torch.Tensor:
    """Slowly: every part is a sequence of its own, run through the whole block."""
    if parts is None:
        return the_block(sequence)[:, 0]
    return torch.stack([the_block(torch.cat([sequence[:, :1], sequence[:, part]], 1))[:, 0] for part in parts], 1)


VARIANTS = {
    "plain": {},
    "no qkv bias": {"qkv_bias": False},
    "layer scale": {"init_values": 0.3},
    "query and key norm": {"qk_norm": True},
    "attention and mlp norm": {"scale_attn_norm": True, "scale_mlp_norm": True},
    "no bias at all": {"qkv_bias": False, "proj_bias": False},
    "drop path, not in training": {"drop_path": 0.5, "attn_drop": 0.5, "proj_drop": 0.5},
}


@pytest.mark.parametrize("parts", [None, PARTS], ids=["global", "parts"])
@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_equals_the_whole_block(settings, parts):
    the_block, ours, theirs = block(**settings), tokens(), tokens()
    result, expected = class_token_output(the_block, ours, parts), whole(the_block, theirs, parts)
    assert_close(result, expected, atol=1e-5, rtol=1e-5)

    result.square().sum().backward()
    gradients = {name: value.grad.clone() for name, value in the_block.named_parameters()}
    the_block.zero_grad()
    expected.square().sum().backward()
    assert_close(ours.grad, theirs.grad, atol=1e-3, rtol=1e-4)
    for name, value in the_block.named_parameters():
        assert_close(gradients[name], value.grad, atol=1e-3, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}")


EVA_VARIANTS = {
    "one projection, biases apart": {},
    "no bias": {"qkv_bias": False},
    "three projections": {"qkv_fused": False},
    "layer scale": {"init_values": 0.3},
    "layer scale of the attention alone": {"init_values": 0.3, "attn_only_layer_scale": True},
    "gated MLP with norms": {"swiglu_mlp": True, "scale_mlp": True, "scale_attn_inner": True, "qk_norm": True},
    "halves turned": {"rotate_half": True},
}


@pytest.mark.parametrize("parts", [None, PARTS], ids=["global", "parts"])
@pytest.mark.parametrize("leading", [1, 3])
@pytest.mark.parametrize("settings", EVA_VARIANTS.values(), ids=EVA_VARIANTS)
def test_equals_a_whole_block_with_rotary_positions(settings, leading, parts):
    the_block = shake(EvaBlock(DIM, HEADS, num_prefix_tokens=leading, **settings)).eval()
    half = settings.get("rotate_half", False)
    grid = [3, 2]
    rope = RotaryEmbeddingDinoV3(DIM // HEADS, feat_shape=grid, rotate_half=half).get_embed()  # (6, 2 * d)
    sequence = tokens()[:, : leading + 6]
    if parts is None:
        expected = the_block(sequence, rope=rope)[:, 0]
    else:
        parts = torch.tensor([[0, 3, 1], [5, 2, 2]])  # of the patches
        others = torch.arange(leading).expand(2, -1)
        positions = torch.cat([others, parts + leading], dim=1)
        expected = torch.stack(
            [the_block(sequence[:, one], rope=rope[part])[:, 0] for one, part in zip(positions, parts, strict=True)], 1
        )
        parts = positions[:, 1:]
    result = class_token_output(the_block, sequence, parts, rope)
    assert_close(result, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(result, class_token_output(the_block, sequence, parts), atol=1e-3), "the rope counts"


def test_the_attention_scale_counts():
    the_block = block()
    the_block.attn.q_norm = _ScaleQuery(0.4)
    for parts in (None, PARTS):
        assert_close(
            class_token_output(the_block, tokens(), parts), whole(the_block, tokens(), parts), atol=1e-5, rtol=1e-5
        )


def test_plain_attention_makes_no_keys_and_no_values():
    """The whole block for the class token costs less than they alone would."""
    the_block = block()
    with FlopCounterMode(display=False) as ours:
        class_token_output(the_block, tokens())
    with FlopCounterMode(display=False) as keys_and_values:
        F.linear(tokens(), the_block.attn.qkv.weight[DIM:])
    assert ours.get_total_flops() < keys_and_values.get_total_flops()


def test_all_parts_take_one_attention_and_one_mlp():
    the_block = block(qk_norm=True)
    with (
        mock.patch.object(F, "scaled_dot_product_attention", wraps=F.scaled_dot_product_attention) as attention,
        mock.patch.object(the_block.mlp, "forward", wraps=the_block.mlp.forward) as mlp,
    ):
        class_token_output(the_block, tokens(), PARTS)
    assert attention.call_count == 1
    assert mlp.call_count == 1
    (rows,) = mlp.call_args.args
    assert rows.shape == (2 * len(PARTS), 1, DIM)


@pytest.mark.parametrize("parts", [None, PARTS], ids=["global", "parts"])
def test_an_empty_batch(parts):
    result = class_token_output(block(), torch.empty(0, 9, DIM), parts)
    assert result.shape == ((0, DIM) if parts is None else (0, 4, DIM))


@pytest.mark.parametrize("count", [1, 64])
def test_stochastic_depth_drops_each_part_by_itself(count):
    """Half of the (sample, part) pairs keep only the class token on both paths or lose one; never all or none."""
    the_block = block(drop_path=0.5).train()
    torch.manual_seed(0)
    sequence = tokens()[:1].expand(count, -1, -1)
    result = class_token_output(the_block, sequence, PARTS[:1].expand(64, -1))  # the same part 64 times
    distinct = torch.unique(result.detach().flatten(0, 1).round(decimals=3), dim=0)
    assert len(distinct) == 4  # each of the two paths is there or not
    untouched = (result - sequence[:, :1]).abs().amax(2) < 1e-6
    assert 0.1 < untouched.float().mean() < 0.4


def test_dropout_of_attention_in_training():
    the_block = block(attn_drop=0.5).train()
    assert not torch.equal(class_token_output(the_block, tokens()), class_token_output(the_block, tokens()))


def test_a_gated_attention_is_refused():
    the_block = block()
    the_block.attn.gate = torch.nn.Linear(DIM, DIM)  # where newer timm has it
    with pytest.raises(ValueError, match="Attention that cannot be computed for the class token alone"):
        class_token_output(the_block, tokens())


def test_another_kind_of_attention_is_refused():
    the_block = block()
    the_block.attn = torch.nn.MultiheadAttention(DIM, HEADS)
    with pytest.raises(ValueError, match="MultiheadAttention"):
        class_token_output(the_block, tokens())


@pytest.mark.parametrize("kind", [ResPostBlock, ParallelScalingBlock])
def test_a_block_of_another_build_does_not_pass(kind):
    with pytest.raises(AttributeError):
        class_token_output(kind(DIM, HEADS), tokens())


@pytest.mark.parametrize("parts", [None, PARTS], ids=["global", "parts"])
def test_branch_norms_what_the_block_gives(parts):
    branch = ClassTokenBranch(block(), shake(torch.nn.LayerNorm(DIM), seed=5))
    assert_close(branch(tokens(), parts), branch.norm(class_token_output(branch.block, tokens(), parts)))
