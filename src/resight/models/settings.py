"""What a model is asked for, as one value: the arguments of `create_model` that shape its encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar

from resight.models.encoder import TransReIDEncoder
from resight.models.jigsaw import jigsaw_parts
from resight.models.patch_embed import Size
from resight.models.pooling import Pooling
from resight.models.side_information import SideInformation

InitialWeights = Literal["official", "structured"]
Shape = TypeVar("Shape")

PATCH = 16
VIT_ONLY = ("patch_size", "stride", "num_cameras", "num_views", "jigsaw")
"""Settings that only a plain ViT can have."""
_NONE: dict[str, Any] = {
    "patch_size": PATCH,
    "stride": None,
    "num_cameras": 0,
    "num_views": 0,
    "jigsaw": False,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "initial_weights": "official",
}


@dataclass(frozen=True)
class EncoderSettings:
    """See `resight.models.create_model`, which has the same names and defaults.

    Raises:
        ValueError: for an unknown pooling or kind of initial weights.
    """

    image_size: Size
    patch_size: int
    stride: int | None
    num_cameras: int
    num_views: int
    side_coefficient: float
    jigsaw: bool
    jigsaw_parts: int
    jigsaw_shift: int
    jigsaw_groups: int
    jigsaw_rearrange: bool
    pooling: Pooling
    drop_path: float
    dropout: float
    attention_dropout: float
    initial_weights: InitialWeights

    def __post_init__(self) -> None:
        if self.pooling not in ("default", "average", "gem"):
            raise ValueError(f"pooling must be 'default', 'average' or 'gem', not {self.pooling!r}")
        if self.initial_weights not in ("official", "structured"):
            raise ValueError(f"initial_weights must be 'official' or 'structured', not {self.initial_weights!r}")

    def transreid(self, vit: Any) -> TransReIDEncoder:
        """A plain ViT with the side information, jigsaw and pooling asked for.

        Raises:
            ValueError: if the ViT is not plain, or the settings do not go together.
        """
        side_information = None
        if self.num_cameras or self.num_views:
            side_information = SideInformation(
                self.num_cameras, self.num_views, int(vit.embed_dim), self.side_coefficient
            )
        parts = None
        if self.jigsaw:
            parts = jigsaw_parts(
                vit.patch_embed.num_patches,
                parts=self.jigsaw_parts,
                shift=self.jigsaw_shift,
                groups=self.jigsaw_groups,
                rearrange=self.jigsaw_rearrange,
            )
        return TransReIDEncoder(vit, side_information=side_information, parts=parts, pooling=self.pooling)

    def refuse(self, name: str, why: str, *settings: str) -> None:
        """Refuses settings that a net cannot have, where they are not left at what they mostly are.

        Args:
            name: of the net.
            why: it cannot have them.
            settings: names of settings.

        Raises:
            ValueError: naming those that are asked for.
        """
        asked_for = {setting: getattr(self, setting) for setting in settings}
        asked_for = {setting: value for setting, value in asked_for.items() if value != _NONE[setting]}
        if asked_for:
            given = ", ".join(f"{setting}={value}" for setting, value in asked_for.items())
            instead = ", ".join(f"{setting}={_NONE[setting]}" for setting in asked_for)
            raise ValueError(f"{name} cannot have {given}: {why}; use {instead}")


def changed_shape(shape: Shape, changes: Mapping[str, Any] | None) -> Shape:
    """A shape with some fields changed.

    Raises:
        ValueError: for a field that it does not have.
    """
    known = [field.name for field in fields(shape)]  # type: ignore[arg-type]
    unknown = set(changes or {}) - set(known)
    if unknown:
        raise ValueError(f"unknown fields of shape: {sorted(unknown)}; known are {known}")
    return replace(shape, **(changes or {}))  # type: ignore[type-var]
