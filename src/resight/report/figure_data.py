"""All that the pictures of one evaluation are drawn from: plain numbers, and where the crops are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.evaluation.camera_pairs import CameraPairs
from resight.evaluation.precision_recall import PrecisionRecall
from resight.evaluation.rank_lists import Crop, Hit, RankList
from resight.evaluation.verification import Verification
from resight.files import whole_file
from resight.inference.attention import Attention
from resight.report.crop_table import crops_from_json, crops_to_json

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lists:
    """R queries and their first hits. Whole numbers count in the crops of the figure data.

    row: (R,) number of the query in the test. query: (R,). hit: (R, k), -1 where there are fewer. distance: (R, k).
    match: (R, k) bool.
    """

    row: Integers
    query: Integers
    hit: Integers
    distance: npt.NDArray[np.float32]
    match: npt.NDArray[np.bool_]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a place without hit has distance None."""
        return {
            "row": self.row.tolist(),
            "query": self.query.tolist(),
            "hit": self.hit.tolist(),
            "distance": [[_short(value) for value in line] for line in self.distance.tolist()],
            "match": ["".join("1" if right else "0" for right in line) for line in self.match.tolist()],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Lists":
        """What `to_json` gave."""
        num_lists = len(values["row"])
        return cls(
            np.array(values["row"], dtype=np.int64),
            np.array(values["query"], dtype=np.int64),
            np.array(values["hit"], dtype=np.int64).reshape(num_lists, -1),
            np.array(values["distance"], dtype=np.float32).reshape(num_lists, -1),  # None becomes NaN
            np.array([[one == "1" for one in line] for line in values["match"]], dtype=np.bool_).reshape(num_lists, -1),
        )


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Images as points. crop: (N,) in the crops. is_query: (N,) bool. points: (N, 2) by the name of the projection.

    explained: share of the variance on the two axes of PCA.
    """

    crop: Integers
    is_query: npt.NDArray[np.bool_]
    points: Mapping[str, npt.NDArray[np.float64]]
    explained: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "crop": self.crop.tolist(),
            "is_query": self.is_query.tolist(),
            "points": {name: points.round(5).tolist() for name, points in self.points.items()},
            "explained": list(self.explained),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "EmbeddingMap":
        """What `to_json` gave."""
        return cls(
            np.array(values["crop"], dtype=np.int64),
            np.array(values["is_query"], dtype=np.bool_),
            {name: np.array(points, dtype=np.float64) for name, points in values["points"].items()},
            (values["explained"][0], values["explained"][1]),
        )


@dataclass(frozen=True, eq=False)
class FigureData:
    """What is kept of one evaluation for its pictures; see `collect_figures` for the sampling rules.

    test: a digest of the test's rows; runs with the same one can be compared query by query. distance: of the lists,
    in words. num_query: queries of the test. num_drawn: those that the numbers here are from. crops: the pictures.
    attention_crop: crops of the attention maps. images: number of the image behind each of the report's queries, where
    several draws ask the same ones again, or queries are the mean of the same images.
    """

    test: str
    distance: str
    num_query: int
    num_drawn: int
    crops: Sequence[Crop]
    lists: Lists
    precision_recall: PrecisionRecall
    camera_pairs: CameraPairs | None = None
    verification: Verification | None = None
    embedding_map: EmbeddingMap | None = None
    attention_crop: Sequence[int] = ()
    attention: Attention | None = None
    images: Sequence[int] | None = None

    def rank_list(self, position: int, average_precision: float) -> RankList:
        """The list at that position of `lists`."""
        hits = []
        for place, crop in enumerate(self.lists.hit[position].tolist()):
            if crop < 0:
                break
            shown = self.crops[crop]
            distance, match = float(self.lists.distance[position, place]), bool(self.lists.match[position, place])
            hits.append(Hit(place + 1, distance, shown.pid, shown.camid, shown.path, match, shown.box))
        query = self.crops[int(self.lists.query[position])]
        return RankList(query, hits, average_precision, int(self.lists.row[position]))

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        parts = ("lists", "precision_recall", "camera_pairs", "verification", "embedding_map", "attention")
        values = {name: None if getattr(self, name) is None else getattr(self, name).to_json() for name in parts}
        return {
            "test": self.test,
            "distance": self.distance,
            "num_query": self.num_query,
            "num_drawn": self.num_drawn,
            "crops": crops_to_json(self.crops),
            "attention_crop": list(self.attention_crop),
            "images": None if self.images is None else list(self.images),
            **values,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FigureData":
        """What `to_json` gave.

        Raises:
            DataError: if an entry is missing or not what it has to be.
        """
        kinds: dict[str, Any] = {
            "lists": Lists,
            "precision_recall": PrecisionRecall,
            "camera_pairs": CameraPairs,
            "verification": Verification,
            "embedding_map": EmbeddingMap,
            "attention": Attention,
        }
        try:
            parts: dict[str, Any] = {
                name: values[name] and kind.from_json(values[name]) for name, kind in kinds.items()
            }
            counts: dict[str, Any] = {
                name: values[name] for name in ("test", "distance", "num_query", "num_drawn", "attention_crop")
            }
            return cls(crops=crops_from_json(values["crops"]), images=values.get("images"), **counts, **parts)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(f"figure data: an entry is missing or malformed: {error!r}") from error

    def write(self, path: Path) -> None:
        """Stores it as JSON; the file appears complete or not at all."""
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(self.to_json(), separators=(",", ":")) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "FigureData":
        """The data that `write` stored.

        Raises:
            DataError: if the file is not such a file.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (DataError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}; write it again with `resight evaluate`") from error


def _short(value: float) -> float | None:
    return None if value != value else float(f"{value:.5g}")
