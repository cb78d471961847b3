"""TransReID on Market-1501: the four rows of its ablation, and overlapping patches.

Source: released configurations of He et al. 2021, arXiv:2102.04378.
"""

from resight.recipes.resolve import update
from resight.recipes.schema import DataSection, TrainRecipe, TrainSection


def market1501_baseline() -> TrainRecipe:
    """ViT-B/16 alone: global feature, BNNeck, identity and soft-margin triplet loss."""
    return TrainRecipe(
        title="Market-1501, ViT-B/16 baseline, 256x128",
        data=DataSection(format="market1501"),
        train=TrainSection(precision="fp16"),
    )


def _with(recipe: TrainRecipe, title: str, **model: object) -> TrainRecipe:
    return update(recipe, {"title": title, "model": model})


def market1501_jpm() -> TrainRecipe:
    """With the jigsaw patch module."""
    return _with(market1501_baseline(), "Market-1501, ViT-B/16 + JPM, 256x128", jigsaw=True)


def market1501_sie() -> TrainRecipe:
    """With camera side information."""
    return _with(market1501_baseline(), "Market-1501, ViT-B/16 + camera SIE, 256x128", side_information="camera")


def market1501_transreid() -> TrainRecipe:
    """With both: TransReID."""
    return _with(market1501_jpm(), "Market-1501, TransReID (JPM + camera SIE), 256x128", side_information="camera")


def market1501_transreid_stride() -> TrainRecipe:
    """With overlapping patches: TransReID*."""
    return _with(market1501_transreid(), "Market-1501, TransReID* (stride 12), 256x128", stride=12)
