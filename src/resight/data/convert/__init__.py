"""Converters: one small function for each data set, folder -> `Manifest` with paths relative to that folder.

A new data set is a new file with one function of this shape, and one entry in `CONVERTERS`.
"""

from collections.abc import Callable
from pathlib import Path

from resight.data.convert.csv_table import csv_table
from resight.data.convert.folder_per_identity import folder_per_identity
from resight.data.convert.image_folder import image_folder
from resight.data.convert.market1501 import market1501
from resight.data.convert.vehicle_reid import vehicle_reid
from resight.data.manifest import Manifest

CONVERTERS: dict[str, Callable[[Path], Manifest]] = {
    "csv_table": csv_table,
    "folder_per_identity": folder_per_identity,
    "image_folder": image_folder,
    "market1501": market1501,
    "vehicle_reid": vehicle_reid,
}

__all__ = ["CONVERTERS", "csv_table", "folder_per_identity", "image_folder", "market1501", "vehicle_reid"]
