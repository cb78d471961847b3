"""The folder of a stored model: `model.safetensors` and `card.json`, which together rebuild it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from resight._version import __version__
from resight.data.transforms import EvalTransform
from resight.errors import ModelFormatError
from resight.files import whole_file
from resight.functional.calibration import Calibration
from resight.functional.rerank import Rerank
from resight.models.registry import create_model
from resight.models.reid import ReIDModel

FORMAT_VERSION = 1
WEIGHTS, CARD = "model.safetensors", "card.json"


@dataclass(frozen=True)
class EvaluationProtocol:
    """How a model was evaluated, so that it can be done again; `flip` is the card's own. See `resight.evaluation`.

    both_directions: query against gallery and gallery against query, and the mean of the two. rerank: settings of
    k-reciprocal re-ranking; None: none.
    """

    metric: str = "squared_euclidean"
    cross_camera: bool = True
    both_directions: bool = False
    max_rank: int = 50
    rerank: Rerank | None = None


@dataclass(frozen=True)
class ModelCard:
    """What is known of a stored model.

    name: of the model, for `create_model`. settings: its other arguments. transform: of images. cameras, views: the
    names behind the rows of its side-information table. flip: whether embeddings average an image and its mirror.
    protocol: of its evaluation. calibration: what its distances mean ("same or not?"), once it was calibrated.
    metrics: numbers it reached. about: whatever its maker says (data, licence, limits, recipe).
    """

    name: str
    settings: Mapping[str, Any]
    transform: EvalTransform
    cameras: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    flip: bool = False
    protocol: EvaluationProtocol = EvaluationProtocol()
    calibration: Calibration | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> ReIDModel:
        """The network with fresh weights and without classifiers.

        Raises:
            ModelFormatError: if this version cannot build it, or it has another number of cameras or views.
        """
        for what, names in (("cameras", self.cameras), ("views", self.views)):
            count = self.settings.get(f"num_{what}", 0)
            if names and len(names) != count:
                raise ModelFormatError(f"the card names {len(names)} {what}, but its model has a table for {count}")
        try:
            settings = {**self.settings, "num_classes": 0, "image_size": tuple(self.settings["image_size"])}
            return create_model(self.name, **settings)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"this version of resight ({__version__}) cannot build the model that the card describes: {error}"
            ) from error


def write_model(folder: Path, model: nn.Module, card: ModelCard) -> None:
    """Stores weights and card; classifiers are left out, since no embedding depends on them.

    Each file is written beside its place and then moved there, the card last.

    Raises:
        OSError: if a file cannot be written, such as on a full disk; what was there before is kept.
    """
    state = {name: value.detach().contiguous().cpu() for name, value in model.state_dict().items()}
    state = {name: value for name, value in state.items() if ".classifier." not in name}
    with whole_file(folder / WEIGHTS) as temporary:
        try:
            save_file(state, temporary)
        except SafetensorError as error:  # what its writer makes of a full disk
            raise OSError(f"{folder / WEIGHTS} could not be written ({error}); make room, then try again") from error
    write_card(folder, card)


def write_card(folder: Path, card: ModelCard) -> None:
    """Replaces the card of a stored model; its weights stay."""
    content = {"format_version": FORMAT_VERSION, "resight_version": __version__, **asdict(card)}
    with whole_file(folder / CARD) as temporary:
        temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def read_card(folder: Path) -> ModelCard:
    """The card of a stored model.

    Raises:
        ModelFormatError: if the folder holds no model, or one of a newer format.
    """
    path = folder / CARD
    if not path.is_file():
        hint = f"; did you mean {folder / 'model'}?" if (folder / "model" / CARD).is_file() else ""
        raise ModelFormatError(f"{folder} is no model folder: it has no {CARD}{hint}")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        is_newer = content["format_version"] > FORMAT_VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFormatError(f"{path} is not a model card that can be read: {error!r}") from error
    if is_newer:
        raise ModelFormatError(
            f"{path} has format {content['format_version']}, newer than the {FORMAT_VERSION} known here; update resight"
        )
    try:
        return _card(content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelFormatError(f"{path} is not a model card that can be read: {error!r}") from error


def _card(content: Mapping[str, Any]) -> ModelCard:
    values = {name: value for name, value in content.items() if name not in ("format_version", "resight_version")}
    transform: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values["transform"].items()
    }
    values.update(
        settings=dict(values["settings"]),
        transform=EvalTransform(**transform),
        cameras=tuple(values["cameras"]),
        views=tuple(values["views"]),
        protocol=_protocol(values.get("protocol", {})),  # older cards lack it
        calibration=None if values.get("calibration") is None else Calibration.from_json(values["calibration"]),
    )
    return ModelCard(**values)


def _protocol(values: Mapping[str, Any]) -> EvaluationProtocol:
    rerank = values.get("rerank")
    return EvaluationProtocol(**{**values, "rerank": None if rerank is None else Rerank(**rerank)})


def read_model(folder: Path) -> tuple[ReIDModel, ModelCard]:
    """Network with its weights, in evaluation mode on the CPU, and its card.

    Raises:
        ModelFormatError: if a file is missing or damaged, or a weight is missing, unexpected or of another shape.
    """
    card = read_card(folder)
    model = card.build()
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise ModelFormatError(f"{folder} has a card but no weights ({WEIGHTS}); copy the whole folder")
    try:
        model.load_state_dict(load_file(weights), strict=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ModelFormatError(f"{weights} does not fit its card or is damaged: {error}") from error
    return model.eval(), card
