"""k-reciprocal re-ranking step by step as the released TransReID code goes about it, for comparison only.

Full N x N matrices (distances, their order, weights), loops over the images in Python, weights in half precision.
Written from the description of its steps.
"""

import numpy as np


def literal_rerank(
    query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, weight: float, *, weight_type: type = np.float16
) -> np.ndarray:
    """(Q, G) re-ranked distances. weight_type: of the weights and what is made of them; official is float16."""
    num_query, images = len(query), np.concatenate([query, gallery])
    total = len(images)
    squares = np.square(images).sum(1)
    distances = squares[:, None] + squares[None, :] - 2 * images @ images.T
    distances = np.transpose(distances / distances.max(axis=0))
    order = np.argsort(distances, kind="stable").astype(np.int32)
    weights = np.zeros_like(distances, dtype=weight_type)
    for i in range(total):
        own = mutual_neighbours(order, i, k1 + 1)
        members = own
        for candidate in own:
            theirs = mutual_neighbours(order, candidate, round(k1 / 2) + 1)
            if len(np.intersect1d(theirs, own)) > 2 / 3 * len(theirs):
                members = np.append(members, theirs)
        members = np.unique(members)
        values = np.exp(-distances[i, members])
        weights[i, members] = values / values.sum()
    distances = distances[:num_query]
    if k2 > 1:
        averaged = np.zeros_like(weights)
        for i in range(total):
            averaged[i] = np.mean(weights[order[i, :k2]], axis=0)
        weights = averaged
    del order
    jaccard = np.zeros_like(distances, dtype=weight_type)
    having = [np.where(weights[:, i] != 0)[0] for i in range(total)]
    for i in range(num_query):
        shared = np.zeros(total, dtype=weight_type)
        for column in np.where(weights[i] != 0)[0]:
            rows = having[column]
            shared[rows] += np.minimum(weights[i, column], weights[rows, column])
        jaccard[i] = 1 - shared / (2 - shared)
    return (jaccard * (1 - weight) + distances * weight)[:, num_query:]


def mutual_neighbours(order: np.ndarray, i: int, length: int) -> np.ndarray:
    """The first rows of i's order that have i among their own first ones."""
    forward = order[i, :length]
    return forward[np.where(order[forward, :length] == i)[0]]
