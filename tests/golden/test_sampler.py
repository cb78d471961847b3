"""The identity sampler against what many epochs of the official one showed.

The order of draws is the sampler's own, so lengths are compared as ranges: an epoch of one sampler may be a batch
shorter or longer than the extremes that the other one happened to show.
"""

import re
from collections import Counter
from typing import Any

from resight.data.samplers import PKSampler
from tests.golden.discovery import GoldenCase, parametrize

EPOCHS = 60


def _sizes(name: str) -> tuple[int, int]:
    """(images per batch, K) from "batch_32_instances_4"."""
    batch, images_per_id = (int(number) for number in re.findall(r"\d+", name))
    return batch, images_per_id


def _sampler(settings: dict[str, Any], name: str, seed: int) -> PKSampler:
    batch, images_per_id = _sizes(name)
    return PKSampler(settings["labels"], ids_per_batch=batch // images_per_id, images_per_id=images_per_id, seed=seed)


@parametrize("sampler")
def test_reported_length(case: GoldenCase) -> None:
    for name, expected in case.settings["results"].items():
        batch, _ = _sizes(name)
        sampler = _sampler(case.settings, name, 0)
        assert sampler.num_images == expected["reported_length"], name
        assert len(sampler) == expected["reported_length"] // batch, name


@parametrize("sampler")
def test_epochs(case: GoldenCase) -> None:
    labels = case.settings["labels"]
    for name, expected in case.settings["results"].items():
        batch, images_per_id = _sizes(name)
        lengths = Counter[int]()
        for seed in range(EPOCHS):
            batches = _sampler(case.settings, name, seed).epoch(0)
            for rows in batches:
                counts = Counter(labels[row] for row in rows)
                assert set(counts.values()) == {images_per_id}, name
                assert len(counts) == batch // images_per_id, name
            lengths[sum(map(len, batches))] += 1
        low, high = expected["yielded_min"], expected["yielded_max"]
        assert all(length % batch == 0 for length in lengths), name
        assert low - batch <= min(lengths), f"{name}: {lengths}"
        assert max(lengths) <= min(high + batch, expected["reported_length"]), f"{name}: {lengths}"
        usual, _ = lengths.most_common(1)[0]
        assert low <= usual <= high, f"{name}: {lengths}"
