"""Converters: one small function for each data set, folder -> `Manifest` with paths relative to that folder.

A new data set is a new file with one function of this shape, and one entry in `CONVERTERS`. Its keyword arguments are
its options, on the command line and in a recipe (see `resight.data.convert.options`).
"""

from collections.abc import Callable

from resight.data.convert.csv_table import csv_table
from resight.data.convert.cuhk03_np import cuhk03_np
from resight.data.convert.dukemtmc import dukemtmc
from resight.data.convert.folder_per_identity import folder_per_identity
from resight.data.convert.image_folder import image_folder
from resight.data.convert.luperson import luperson
from resight.data.convert.luperson_lmdb import luperson_lmdb
from resight.data.convert.market1501 import market1501
from resight.data.convert.msmt17 import msmt17
from resight.data.convert.occluded_duke import occluded_duke
from resight.data.convert.vehicle_reid import vehicle_reid
from resight.data.convert.vehicleid import vehicleid
from resight.data.convert.veri776 import veri776
from resight.data.convert.webdataset import webdataset
from resight.data.convert.wildlife import wildlife
from resight.data.manifest import Manifest

CONVERTERS: dict[str, Callable[..., Manifest]] = {
    "csv_table": csv_table,
    "cuhk03_np": cuhk03_np,
    "dukemtmc": dukemtmc,
    "folder_per_identity": folder_per_identity,
    "image_folder": image_folder,
    "luperson": luperson,
    "luperson_lmdb": luperson_lmdb,
    "market1501": market1501,
    "msmt17": msmt17,
    "occluded_duke": occluded_duke,
    "vehicle_reid": vehicle_reid,
    "vehicleid": vehicleid,
    "veri776": veri776,
    "webdataset": webdataset,
    "wildlife": wildlife,
}

__all__ = [
    "CONVERTERS",
    "csv_table",
    "cuhk03_np",
    "dukemtmc",
    "folder_per_identity",
    "image_folder",
    "luperson",
    "luperson_lmdb",
    "market1501",
    "msmt17",
    "occluded_duke",
    "vehicle_reid",
    "vehicleid",
    "veri776",
    "webdataset",
    "wildlife",
]
