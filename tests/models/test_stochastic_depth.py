"""Leaving samples out against timm's own block, which computes them and multiplies by 0."""

import pytest
import torch
from timm.models.eva import EvaBlock
from timm.models.vision_transformer import Block
from torch import Tensor
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from resight.models.stochastic_depth import run_block
from tests.models.tiny import shake

DIM, HEADS = 24, 3


def block(drop_path: float = 0.5, **settings: object) -> Block:
    return shake(Block(DIM, HEADS, qkv_bias=True, drop_path=drop_path, init_values=0.5, **settings)).train()


def tokens(count: int = 8) -> Tensor:
    return torch.randn(count, 5, DIM, generator=torch.Generator().manual_seed(3)).requires_grad_()


@pytest.mark.parametrize("drop_path", [0.0, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_the_draws_and_the_numbers_are_those_of_timm(drop_path: float, seed: int) -> None:
    the_block = block(drop_path)
    results = []
    for run in (lambda some: run_block(the_block, some), the_block):
        torch.manual_seed(seed)
        some = tokens()
        result = run(some)
        result.square().sum().backward()
        gradients = {name: value.grad.clone() for name, value in the_block.named_parameters()}
        the_block.zero_grad()
        results.append((result.detach(), some.grad, gradients, torch.rand(())))
    assert_close(*results, atol=1e-4, rtol=1e-4)


def test_dropped_samples_cost_nothing() -> None:
    torch.manual_seed(0)
    with FlopCounterMode(display=False) as all_samples:
        run_block(block(0.0), tokens(64))
    with FlopCounterMode(display=False) as half:
        run_block(block(0.5), tokens(64))
    assert 0.3 < half.get_total_flops() / all_samples.get_total_flops() < 0.7


def test_nothing_is_left_out_of_an_evaluation() -> None:
    the_block = block().eval()
    assert torch.equal(run_block(the_block, tokens()), the_block(tokens()))


@pytest.mark.parametrize("count", [0, 1])
def test_every_parameter_gets_a_gradient_even_if_all_samples_are_dropped(count: int) -> None:
    the_block = block(0.999)
    run_block(the_block, tokens(count)).sum().backward()
    assert all(value.grad is not None for value in the_block.parameters())


def test_narrow_paths_are_added_to_wide_tokens() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert run_block(block(), tokens()).dtype == torch.float32


def test_other_blocks_run_as_they_are() -> None:
    the_block = shake(EvaBlock(DIM, HEADS, drop_path=0.5)).train()
    results = []
    for run in (lambda some: run_block(the_block, some), the_block):
        torch.manual_seed(1)
        results.append(run(tokens()))
    assert torch.equal(*results)
