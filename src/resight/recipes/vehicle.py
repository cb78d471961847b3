"""The two-camera vehicle set: a small ViT from scratch, 40 epochs."""

from resight.recipes.resolve import update
from resight.recipes.schema import (
    DataSection,
    ModelSection,
    OptimizerSection,
    SamplerSection,
    TrainRecipe,
    TrainSection,
)


def vehicle_baseline() -> TrainRecipe:
    """The settings that the official code was measured at, without JPM and SIE."""
    return TrainRecipe(
        title="Two-camera vehicles, ViT 192x6 from scratch, official losses and augmentation",
        data=DataSection(format="vehicle_reid", both_directions=True, keep=True),
        model=ModelSection(name="vit_micro", image_size=(128, 128), stride=12),
        sampler=SamplerSection(ids_per_batch=32, images_per_id=2),
        optimizer=OptimizerSection(name="adamw", lr=5e-4, weight_decay=0.05),
        train=TrainSection(epochs=40, seed=0),
    )


def vehicle_transreid() -> TrainRecipe:
    """The same with JPM and camera SIE."""
    recipe = vehicle_baseline()
    model = {"jigsaw": True, "jigsaw_shift": 8, "side_information": "camera"}
    return update(recipe, {"title": f"{recipe.title}, + JPM + camera SIE", "model": model})
