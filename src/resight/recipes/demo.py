"""The four rows of the ablation on the synthetic people, for a laptop."""

from resight.recipes.schema import (
    DataSection,
    ModelSection,
    OptimizerSection,
    SamplerSection,
    TrainRecipe,
    TrainSection,
)


def demo_baseline() -> TrainRecipe:
    """A small ViT: global feature, identity and triplet loss."""
    return TrainRecipe(
        title="Synthetic people, small ViT from scratch, baseline",
        data=DataSection(format="market1501", keep=True),
        model=ModelSection(name="vit_nano", image_size=(128, 64), stride=16),
        sampler=SamplerSection(ids_per_batch=16, images_per_id=4),
        optimizer=OptimizerSection(name="adamw", lr=1e-3, weight_decay=0.05),
        train=TrainSection(epochs=20, seed=0),
    )


def _with(recipe: TrainRecipe, title: str, **model: object) -> TrainRecipe:
    return recipe.model_copy(update={"title": title, "model": recipe.model.model_copy(update=model)})


def demo_jpm() -> TrainRecipe:
    """With the jigsaw patch module."""
    return _with(demo_baseline(), "Synthetic people, + JPM", jigsaw=True)


def demo_sie() -> TrainRecipe:
    """With camera side information."""
    return _with(demo_baseline(), "Synthetic people, + SIE", side_information="camera")


def demo_transreid() -> TrainRecipe:
    """With both: TransReID."""
    return _with(demo_baseline(), "Synthetic people, TransReID (JPM + SIE)", jigsaw=True, side_information="camera")
