"""A running average of the weights, which generalises better than the last ones."""

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a model's parameters and buffers.

    average <- d * average + (1 - d) * model after each step, with d = min(decay, (1 + steps) / (10 + steps)), so that
    the first steps do not weigh on it.

    Args:
        model: the model that trains.
        decay: of the average, 0..1; 0.99 remembers about 100 steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of a weight average must lie in 0..1 (1 excluded), not {decay}")
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the model's present weights."""
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        current = model.state_dict()
        for name, mine in self.model.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(current[name].to(mine), weight)
            else:
                mine.copy_(current[name])
