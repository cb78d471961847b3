"""The four rows of the ablation on the synthetic people, for a laptop."""

from resight.recipes.resolve import update
from resight.recipes.schema import (
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    SamplerSection,
    ScheduleSection,
    TrainRecipe,
    TrainSection,
)
from resight.recipes.table import BuiltIn


def demo_baseline() -> TrainRecipe:
    """A small ViT: one global feature.

    From scratch the official losses let the features before the neck shrink to a point, where the triplet loss has no
    gradient left (its value stays at log 2). The supervised contrastive loss keeps them apart.
    """
    return TrainRecipe(
        title="Synthetic people, small ViT from scratch, baseline",
        data=DataSection(format="market1501", cache=1.0),
        model=ModelSection(name="vit_nano", image_size=(128, 64), initial_weights="structured"),
        sampler=SamplerSection(ids_per_batch=8, images_per_id=4),
        loss=LossSection(triplet_weight=0.3, contrastive_weight=1.0),
        optimizer=OptimizerSection(name="adamw", lr=1e-3, weight_decay=0.05),
        schedule=ScheduleSection(clock="step", warmup_epochs=4),
        train=TrainSection(epochs=16, seed=0, evaluate_every=4),
    )


def demo_jpm() -> TrainRecipe:
    """With the jigsaw patch module."""
    return update(demo_baseline(), {"title": "Synthetic people, + JPM", "model": {"jigsaw": True}})


def demo_sie() -> TrainRecipe:
    """With camera side information."""
    return update(demo_baseline(), {"title": "Synthetic people, + SIE", "model": {"side_information": "camera"}})


def demo_transreid() -> TrainRecipe:
    """With both: TransReID."""
    changes = {"jigsaw": True, "side_information": "camera"}
    return update(demo_baseline(), {"title": "Synthetic people, TransReID (JPM + SIE)", "model": changes})


DEMO: tuple[BuiltIn[TrainRecipe], ...] = (
    BuiltIn("demo_baseline", "Synthetic people", demo_baseline),
    BuiltIn("demo_jpm", "Synthetic people", demo_jpm),
    BuiltIn("demo_sie", "Synthetic people", demo_sie),
    BuiltIn("demo_transreid", "Synthetic people", demo_transreid),
)
