"""Contrastive losses: a query has to find its own key among others."""

import torch
import torch.nn.functional as F
from torch import Tensor


def queue_contrast(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Mean over the batch of -log(exp(q.k / T) / (exp(q.k / T) + sum over negatives n of exp(q.n / T))).

    Args:
        queries: (B, D), unit length.
        keys: (B, D), unit length; get no gradient.
        negatives: (K, D), unit length, of earlier batches.
        temperature: T.

    Returns:
        Scalar, float32.

    Source: He et al. 2020, arXiv:1911.05722, and Xie et al. 2021, arXiv:2105.04553.
    """
    logits = queue_logits(queries, keys, negatives, temperature)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def queue_logits(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """(B, 1 + K) float32: column 0 is the right key; arguments as in `queue_contrast`."""
    own = (queries * keys.detach()).sum(1, keepdim=True)
    return torch.cat([own, F.linear(queries, negatives.to(queries.dtype))], dim=1).float() / temperature


def batch_contrast(queries: Tensor, keys: Tensor, temperature: float, *, first: int = 0) -> Tensor:
    """2 T times the cross entropy of each query's own key among the keys of the batch.

    Args:
        queries: (B, D); brought to unit length here.
        keys: (N, D) of all processes, likewise; get no gradient.
        temperature: T.
        first: row in `keys` of the first query's own key.

    Returns:
        Scalar, float32.

    Source: Chen et al. 2021, arXiv:2104.02057, algorithm 1.
    """
    queries, keys = F.normalize(queries.float(), dim=1), F.normalize(keys.detach().float(), dim=1)
    own = first + torch.arange(len(queries), device=queries.device)
    return 2 * temperature * F.cross_entropy(queries @ keys.t() / temperature, own)
