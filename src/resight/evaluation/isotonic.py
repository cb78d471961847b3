"""The evidence of a distance for one identity, as a curve that never rises, from counted pairs."""

import math

import numpy as np

from resight.functional.pair_counts import Floats, PairCounts

_STEP = 0.1  # neighbours on the curve become one where their log-odds differ by less


def evidence_curve(counts: PairCounts) -> tuple[Floats, Floats]:
    """Logarithm of how many times likelier a distance is for one identity than for two.

    Isotonic regression by pooling neighbours that stand in the wrong order. Both kinds of pairs weigh the same in
    all, however many more there are of two identities: so the curve does not depend on how the pairs were chosen, and
    any prior can be added to it later. In each block half a pair of each kind is added: where only one kind was seen,
    the evidence is as strong as the number of pairs allows, and never infinite.

    Args:
        counts: with pairs of both kinds.

    Returns:
        Distances, ascending, and the evidence there, not rising, (K,) each, K >= 1: one for each block.

    Source: pool adjacent violators for probabilities, Zadrozny and Elkan 2002, "Transforming classifier scores into
    accurate multiclass probability estimates"; half a pair as in Jeffreys' prior. Written from their descriptions.
    """
    blocks = _merge_alike(_pool(counts), counts.num_same, counts.num_different)
    distances = [block[2] / (block[0] + block[1]) for block in blocks]
    evidence = [_evidence(block, counts.num_same, counts.num_different) for block in blocks]
    return np.array(distances), np.minimum.accumulate(evidence)


_Block = tuple[float, float, float]  # share of the pairs of one identity, of two; sum of distance times share


def _pool(counts: PairCounts) -> list[_Block]:
    """Blocks in which the share of one identity falls with the distance."""
    same, different = counts.same / counts.num_same, counts.different / counts.num_different
    moments = counts.middle * (same + different)
    blocks: list[_Block] = []
    for block in zip(same.tolist(), different.tolist(), moments.tolist(), strict=True):
        while blocks and blocks[-1][0] * block[1] <= block[0] * blocks[-1][1]:  # not above the new one: in wrong order
            block = _joined(blocks.pop(), block)
        blocks.append(block)
    return blocks


def _merge_alike(blocks: list[_Block], num_same: int, num_different: int) -> list[_Block]:
    """Fewer blocks: neighbours with nearly the same evidence become one."""
    merged = blocks[:1]
    for block in blocks[1:]:
        last = merged[-1]
        if _evidence(last, num_same, num_different) - _evidence(block, num_same, num_different) < _STEP:
            merged[-1] = _joined(last, block)
        else:
            merged.append(block)
    return merged


def _joined(first: _Block, second: _Block) -> _Block:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _evidence(block: _Block, num_same: int, num_different: int) -> float:
    same = (block[0] * num_same + 0.5) / (num_same + 0.5)
    different = (block[1] * num_different + 0.5) / (num_different + 0.5)
    return math.log(same / different)
