"""Muon: momentum whose update is made orthogonal, for the weight matrices inside blocks; AdamW for all else."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V^T of a matrix U S V^T: all singular values brought near 1, by a Newton-Schulz iteration.

    Args:
        matrix: (M, N).
        steps: of the iteration; 5 bring all but tiny singular values into about 0.7 .. 1.2.

    Returns:
        (M, N), same dtype.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers", coefficients of its quintic.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    for _ in range(steps):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.t() if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Matrices by Nesterov momentum made orthogonal, the rest by AdamW; decay is decoupled for both.

    The orthogonal update is scaled by 0.2 * sqrt(longer side), which gives it the size of an AdamW update, so one
    learning rate and one decay serve both.

    Args:
        params: groups; `pieces` of a group says what its tensors are: 0, ordinary ones for AdamW (the default); p >= 1,
            matrices that are stacks of p, each made orthogonal by itself (3 for a fused qkv weight).
        lr: learning rate.
        momentum: of the mean gradient of matrices.
        betas: of AdamW.
        weight_decay: for groups that do not say.

    Raises:
        ValueError: if a tensor of a group with `pieces` is no matrix that splits so.

    Source: Jordan et al. 2024; scale of Liu et al. 2025, arXiv:2502.16982. Written from the papers.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay, "pieces": 0}
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                pieces = group["pieces"]
                if pieces and (parameter.ndim != 2 or parameter.shape[0] % pieces):
                    raise ValueError(
                        f"Muon: expected a matrix that splits into {pieces}, got {tuple(parameter.shape)}; "
                        "put it into a group with pieces=0"
                    )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every tensor that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = self._orthogonal if group["pieces"] else self._adamw
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(update(parameter, parameter.grad, group), alpha=group["lr"])
        return loss

    def _orthogonal(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        mean = state["mean"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(mean, group["momentum"])
        pieces = ahead.chunk(group["pieces"])
        return torch.cat([0.2 * math.sqrt(max(piece.shape)) * orthogonalize(piece) for piece in pieces])

    def _adamw(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        beta, beta_square = group["betas"]
        mean = state["mean"].lerp_(gradient, 1 - beta)
        square = state["square"].mul_(beta_square).addcmul_(gradient, gradient, value=1 - beta_square)
        root = (square / (1 - beta_square ** state["step"])).sqrt_().add_(1e-8)
        update: Tensor = mean / (1 - beta ** state["step"]) / root
        return update
