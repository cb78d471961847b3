"""Weight files of every kind that the papers and timm know: `print(load_weights(model, path).summary())`."""

from resight.models.weights.hub import TIMM
from resight.models.weights.load import find_weights, load_weights
from resight.models.weights.report import WeightReport
from resight.models.weights.weight_file import WeightFile, read_weights

__all__ = ["TIMM", "WeightFile", "WeightReport", "find_weights", "load_weights", "read_weights"]
