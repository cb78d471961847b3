"""Puts the weights of a file into a model, or says why it does not."""

import logging
from os import PathLike

from resight.errors import ModelFormatError
from resight.models.reid import ReIDModel
from resight.models.weights.description import names_that_fit
from resight.models.weights.hub import TIMM, timm_weights
from resight.models.weights.matching import match_weights
from resight.models.weights.report import WeightReport, first_few
from resight.models.weights.weight_file import WeightFile, read_weights

_logger = logging.getLogger(__name__)


def find_weights(weights: str, model_name: str) -> WeightFile:
    """What a recipe's `model.weights` names: `timm`, or the path of a file or folder.

    Args:
        weights: `timm` for what timm's hub offers for that net, else a path.
        model_name: name of the net, for `timm`.

    Raises:
        ModelFormatError: if there is no such file or it cannot be read, or timm has none or cannot be reached.
    """
    return timm_weights(model_name) if weights == TIMM else read_weights(weights)


def load_weights(model: ReIDModel, source: str | PathLike[str] | WeightFile, *, strict: bool = True) -> WeightReport:
    """Loads weights of any kind into a model.

    Position tables of another grid are resized. Classifiers and side information for another number of classes or
    cameras, and necks that the file does not have, keep their initial values; the report says so.

    Args:
        model: changed in place.
        source: a path (see `read_weights`), or what it gave.
        strict: every tensor of the encoder has to come from the file, and the file may hold nothing unknown.

    Returns:
        What became of each tensor. It is logged as well.

    Raises:
        ModelFormatError: if the file cannot be used, holds NaN or infinity, or does not fit (the report is in the
            message). Then the model is unchanged.
    """
    file = source if isinstance(source, WeightFile) else read_weights(source)
    report, tensors = match_weights(model, file)
    is_nothing = not any(name.startswith("encoder.") for name in report.taken)
    if is_nothing or (strict and not report.fits):
        raise ModelFormatError(_explain(report, file, is_nothing))
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise ModelFormatError(
            f"{file.source} was not loaded: {len(broken)} of its tensors hold NaN or infinity ({first_few(broken)}); "
            "the training that wrote it had failed, so take an earlier checkpoint"
        )
    model.load_state_dict(tensors, strict=False)
    _logger.info(report.summary())
    return report


def _explain(report: WeightReport, file: WeightFile, is_nothing: bool) -> str:
    what = "has nothing for this model's encoder" if is_nothing else "does not fit the model, so nothing was loaded"
    fitting = names_that_fit(file)
    hint = f"; it fits a model named {' or '.join(fitting)}" if fitting else ""
    return f"{file.source} {what}{hint}\n{report.summary()}"
