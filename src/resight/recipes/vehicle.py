"""The two-camera vehicle set: a small ViT from scratch, 40 epochs."""

from resight.recipes.resolve import update
from resight.recipes.schema import (
    AugmentSection,
    DataSection,
    EvaluateSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    SamplerSection,
    ScheduleSection,
    TrainRecipe,
    TrainSection,
)
from resight.recipes.table import BuiltIn

JPM_SIE = {"jigsaw": True, "jigsaw_shift": 8, "side_information": "camera"}


def vehicle_baseline() -> TrainRecipe:
    """The settings that the official code was measured at, without JPM and SIE."""
    return TrainRecipe(
        title="Two-camera vehicles, ViT 192x6 from scratch, official losses and augmentation",
        data=DataSection(format="vehicle_reid", both_directions=True, cache=1.0),
        model=ModelSection(name="vit_micro", image_size=(128, 128), stride=12),
        sampler=SamplerSection(ids_per_batch=32, images_per_id=2),
        optimizer=OptimizerSection(name="adamw", lr=5e-4, weight_decay=0.05),
        train=TrainSection(epochs=40, seed=0),
    )


def vehicle_transreid() -> TrainRecipe:
    """The same with JPM and camera SIE."""
    recipe = vehicle_baseline()
    return update(recipe, {"title": f"{recipe.title}, + JPM + camera SIE", "model": JPM_SIE})


def vehicle() -> TrainRecipe:
    """The same network and epochs with what was found to help; docs/results.md has what was tried."""
    recipe = vehicle_baseline()
    return recipe.model_copy(
        update={
            "title": "Two-camera vehicles, ViT 192x6 from scratch, our recipe",
            "model": recipe.model.model_copy(update={"initial_weights": "structured"}),
            "augment": AugmentSection(
                flip_together=True,
                padding=0,
                zoom=0.3,
                aspect=0.15,
                rotation=5,
                translation=0.08,
                blur=0.3,
                brightness=0.3,
                contrast=0.3,
                saturation=0.3,
                hue=0.02,
            ),
            "sampler": SamplerSection(ids_per_batch=16, images_per_id=2),
            "loss": LossSection(contrastive_weight=1.0),
            "optimizer": OptimizerSection(
                name="muon", lr=1e-3, weight_decay=0.05, bias_lr_factor=1, decay_vectors=False, momentum=0.95
            ),
            "schedule": ScheduleSection(clock="step", final_factor=0.01),
            "evaluate": EvaluateSection(flip=True),
        }
    )


def vehicle_jpm_sie() -> TrainRecipe:
    """Our recipe with JPM and camera SIE."""
    recipe = vehicle()
    return update(recipe, {"title": f"{recipe.title}, + JPM + camera SIE", "model": JPM_SIE})


VEHICLE: tuple[BuiltIn[TrainRecipe], ...] = (
    BuiltIn("vehicle_baseline", "Two-camera vehicles", vehicle_baseline),
    BuiltIn("vehicle_transreid", "Two-camera vehicles", vehicle_transreid),
    BuiltIn("vehicle", "Two-camera vehicles", vehicle),
    BuiltIn("vehicle_jpm_sie", "Two-camera vehicles", vehicle_jpm_sie),
)
