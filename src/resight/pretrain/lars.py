"""LARS: SGD whose step is scaled, tensor by tensor, to the length of the weights. For very large batches."""

from collections.abc import Callable
from typing import Any

import torch


class LARS(torch.optim.Optimizer):
    """Weights: g <- g + decay * p, then g <- trust * |p| / |g| * g. Tensors of one dimension: neither.

    Then buffer <- momentum * buffer + g and p <- p - lr * buffer.

    Args:
        groups: parameters, or groups of them.
        lr: rate.
        weight_decay: of tensors with two dimensions or more.
        momentum: of the buffer.
        trust: factor on |p| / |g|; where a norm is 0, the gradient stays as it is.

    Source: You et al. 2017, arXiv:1708.03888, in the form of MoCo v3's released code.
    """

    def __init__(
        self, groups: Any, lr: float, weight_decay: float = 0.0, momentum: float = 0.9, trust: float = 0.001
    ) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "trust": trust})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; see the class."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if parameter.ndim > 1:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
            length, steepness = parameter.norm(), gradient.norm()
            factor = group["trust"] * length / steepness
            gradient = gradient * torch.where((length > 0) & (steepness > 0), factor, torch.ones_like(factor))
        state = self.state[parameter]
        if "buffer" not in state:
            state["buffer"] = torch.zeros_like(parameter)
        buffer = state["buffer"].mul_(group["momentum"]).add_(gradient)
        parameter.add_(buffer, alpha=-group["lr"])
